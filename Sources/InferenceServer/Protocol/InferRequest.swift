import Foundation

/// The body of `POST /v2/models/NAME/infer`, decoded and checked: rows for the model.
struct InferRequest: Hashable, Sendable {
    var id: String?
    var rows: [[Double]]
    /// The requested outputs. Nil for all.
    var outputs: [String]?

    /// The most rows of one request.
    static let maximumRows = 4_096
}

/// What is wrong with a client's request, and what would be right.
struct InferRequestProblem: Error, Hashable {
    var message: String
    init(_ message: String) { self.message = message }
}

extension InferRequest {
    /// Reads one tensor of shape [rows, columns]. A single row may omit the first dimension.
    init(json: [UInt8], columns: Int) throws(InferRequestProblem) {
        let written: EncodedInferRequest
        do {
            written = try JSONDecoder().decode(EncodedInferRequest.self, from: Data(json))
        } catch let error as DecodingError {
            throw InferRequestProblem("the body is not an inference request: \(JSONFault(error))")
        } catch {
            throw InferRequestProblem("the body is not JSON")
        }
        guard written.inputs.count == 1, let tensor = written.inputs.first else {
            throw InferRequestProblem(
                "send one input tensor of shape [rows, \(columns)], not \(written.inputs.count) tensors")
        }
        id = written.id
        outputs = written.outputs?.map(\.name)
        rows = try tensor.rows(columns: columns)
    }
}

private struct EncodedInferRequest: Decodable {
    struct RequestedOutput: Decodable { var name: String }
    var id: String?
    var inputs: [EncodedTensor]
    var outputs: [RequestedOutput]?
}

private struct EncodedTensor: Decodable {
    enum Values: Decodable {
        case flat([Double])
        case nested([[Double]])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flat = try? container.decode([Double].self) {
                self = .flat(flat)
            } else if let nested = try? container.decode([[Double]].self) {
                self = .nested(nested)
            } else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "data must be a list of numbers, or a list of rows of numbers")
            }
        }
    }

    var name: String
    var shape: [Int]
    var datatype: String
    var data: Values

    func rows(columns: Int) throws(InferRequestProblem) -> [[Double]] {
        let rowCount: Int
        switch shape.count {
        case 1 where shape[0] == columns: rowCount = 1
        case 2 where shape[1] == columns && shape[0] >= 1: rowCount = shape[0]
        default:
            throw InferRequestProblem("input '\(name)' has shape \(shape); this model takes [rows, \(columns)]")
        }
        guard rowCount <= InferRequest.maximumRows else {
            throw InferRequestProblem(
                "input '\(name)' has \(rowCount) rows; send at most \(InferRequest.maximumRows) in one request")
        }
        let rows: [[Double]]
        switch data {
        case .nested(let nested):
            guard nested.count == rowCount, nested.allSatisfy({ $0.count == columns }) else {
                throw InferRequestProblem("the data of input '\(name)' do not match its shape \(shape)")
            }
            rows = nested
        case .flat(let flat):
            guard flat.count == rowCount * columns else {
                throw InferRequestProblem(
                    "input '\(name)' has \(flat.count) values; its shape \(shape) needs \(rowCount * columns)")
            }
            rows = stride(from: 0, to: flat.count, by: columns).map { Array(flat[$0..<$0 + columns]) }
        }
        return try typed(rows)
    }

    /// Converts values to what their data type can represent.
    private func typed(_ rows: [[Double]]) throws(InferRequestProblem) -> [[Double]] {
        switch datatype {
        case "FP64":
            return rows
        case "FP32":
            let rounded = rows.map { $0.map { Double(Float($0)) } }
            guard rounded.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
                throw InferRequestProblem("input '\(name)' has a value outside the range of FP32; send FP64")
            }
            return rounded
        case "INT64", "INT32":
            // Doubles represent whole numbers exactly up to 2^53.
            let whole = rows.allSatisfy { $0.allSatisfy { $0 == $0.rounded() && abs($0) <= 0x1p53 } }
            guard whole else {
                throw InferRequestProblem("input '\(name)' is \(datatype) but has a fraction, or a number above 2^53")
            }
            return rows
        default:
            throw InferRequestProblem("data type '\(datatype)' is not supported; use FP64, FP32, INT64 or INT32")
        }
    }
}

/// A decoding error in one line: what is wrong, and where.
struct JSONFault: CustomStringConvertible {
    let description: String

    init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            description = "\(Self.place(context.codingPath)) lacks '\(key.stringValue)'"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            description = "\(Self.place(context.codingPath)): \(context.debugDescription)"
        @unknown default:
            description = "it cannot be decoded"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        guard !path.isEmpty else { return "the document" }
        return path.reduce(into: "") { text, key in
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }
}
