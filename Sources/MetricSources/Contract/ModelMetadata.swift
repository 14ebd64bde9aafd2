import Analysis
import Foundation

/// Model metadata of the Open Inference Protocol v2: `{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
/// "outputs": […]}`. Servers that do not know inputs or outputs leave them out.
enum ModelMetadata {
    static let tensorLimit = 1_000
    static let rankLimit = 32

    struct Fault: Error, Hashable {
        /// What is wrong with the metadata.
        var message: String
    }

    static func contract(from body: Data) throws(Fault) -> ModelContract {
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: body)
        } catch let error as DecodingError {
            throw Fault(message: explanation(of: error))
        } catch {
            throw Fault(message: "is not JSON")
        }
        return ModelContract(
            inputs: try tensors(document.inputs, "inputs"), outputs: try tensors(document.outputs, "outputs"))
    }

    private static func tensors(_ written: [Tensor]?, _ field: String) throws(Fault) -> [ModelContract.Tensor] {
        let tensors = written ?? []
        guard tensors.count <= tensorLimit else { throw Fault(message: "names more than \(tensorLimit) \(field)") }
        for (index, tensor) in tensors.enumerated() {
            guard tensor.shape.count <= rankLimit, tensor.shape.allSatisfy({ $0 >= -1 }) else {
                throw Fault(
                    message: "has an invalid shape in \(field)[\(index)]: each entry must be a size, or -1 for any size"
                )
            }
        }
        guard Set(tensors.map(\.name)).count == tensors.count else {
            throw Fault(message: "names one of its \(field) twice")
        }
        return tensors.map { ModelContract.Tensor(name: $0.name, datatype: $0.datatype, shape: $0.shape) }
    }

    private static func explanation(of error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context): "has no '\(place(context.codingPath + [key]))'"
        case .valueNotFound(_, let context): "has null as '\(place(context.codingPath))'"
        case .typeMismatch(_, let context): "has the wrong type at '\(place(context.codingPath))'"
        case .dataCorrupted(let context) where context.codingPath.isEmpty: "is not JSON"
        case .dataCorrupted(let context): "is invalid at '\(place(context.codingPath))'"
        @unknown default: "is not JSON"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.reduce(into: "") { text, key in
            text += key.intValue.map { "[\($0)]" } ?? (text.isEmpty ? "" : ".") + key.stringValue
        }
    }

    private struct Document: Decodable {
        var inputs: [Tensor]?
        var outputs: [Tensor]?
    }

    private struct Tensor: Decodable {
        var name: String
        var datatype: String
        var shape: [Int]
    }
}
