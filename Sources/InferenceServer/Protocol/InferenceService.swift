import NIOHTTP1
import Synchronization

/// Turns a request's body into its answer. Can be called from any thread.
final class InferenceService: Sendable {
    let model: TabularModel
    private let isAbandoned = Atomic(false)

    init(model: TabularModel) { self.model = model }

    /// Stops scoring before the next row, so that a stopping server need not wait for it.
    func abandon() { isAbandoned.store(true, ordering: .relaxed) }

    static let probabilitiesOutput = "probabilities"
    static let labelOutput = "label"

    /// Answers 400 for a client's error, and 500 if the model has no answer.
    func infer(_ body: [UInt8]) -> Answer {
        do {
            let request = try InferRequest(json: body, columns: model.inputs.count)
            return try answer(request)
        } catch let problem as InferRequestProblem {
            return .error(.badRequest, problem.message)
        } catch {
            return .error(.internalServerError, "model '\(model.name)' version '\(model.version)': \(error)")
        }
    }

    private func answer(_ request: InferRequest) throws -> Answer {
        let known = [Self.probabilitiesOutput, Self.labelOutput]
        let wanted = request.outputs.flatMap { $0.isEmpty ? nil : $0 } ?? known
        if let unknown = wanted.first(where: { !known.contains($0) }) {
            throw InferRequestProblem(
                "there is no output '\(unknown)'; this model has \(known.joined(separator: ", "))")
        }
        var probabilities: [Double] = []
        var labels: [String] = []
        for (index, row) in request.rows.enumerated() {
            guard !isAbandoned.load(ordering: .relaxed) else {
                return .error(.serviceUnavailable, "the server is stopping")
            }
            do {
                let scores = try model.probabilities(of: row)
                probabilities += scores
                let best = scores.indices.max { scores[$0] < scores[$1] } ?? 0
                labels.append(model.classes[best])
            } catch {
                throw RowError(row: index, cause: error)
            }
        }
        let count = request.rows.count
        let outputs: [OutputTensor] = wanted.map { name in
            name == Self.labelOutput
                ? OutputTensor(name: name, datatype: "BYTES", shape: [count], data: .texts(labels))
                : OutputTensor(
                    name: name, datatype: "FP64", shape: [count, model.classes.count], data: .numbers(probabilities))
        }
        return .json(
            InferResponse(modelName: model.name, modelVersion: model.version, id: request.id, outputs: outputs))
    }

    /// Answers that need no inference.
    func metadata() -> Answer {
        .json(
            ModelMetadata(
                name: model.name, versions: [model.version], platform: "mlctl_tabular",
                inputs: [TensorMetadata(name: "input", datatype: "FP64", shape: [-1, model.inputs.count])],
                outputs: [
                    TensorMetadata(name: Self.probabilitiesOutput, datatype: "FP64", shape: [-1, model.classes.count]),
                    TensorMetadata(name: Self.labelOutput, datatype: "BYTES", shape: [-1]),
                ],
                parameters: ["columns": model.inputs, "classes": model.classes]))
    }

    static func serverMetadata() -> Answer {
        .json(ServerMetadata(name: "mlctl serve-model", version: "2", extensions: []))
    }
}

private struct RowError: Error, CustomStringConvertible {
    var row: Int
    var cause: ScoringError
    var description: String { "row \(row) has no answer: \(cause)" }
}

private struct InferResponse: Encodable {
    private enum CodingKeys: String, CodingKey {
        case modelName = "model_name"
        case modelVersion = "model_version"
        case id, outputs
    }

    var modelName: String
    var modelVersion: String
    var id: String?
    var outputs: [OutputTensor]
}

private struct OutputTensor: Encodable {
    enum Values: Encodable {
        case numbers([Double])
        case texts([String])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .numbers(let numbers): try container.encode(numbers)
            case .texts(let texts): try container.encode(texts)
            }
        }
    }

    var name: String
    var datatype: String
    var shape: [Int]
    var data: Values
}

private struct TensorMetadata: Encodable {
    var name: String
    var datatype: String
    var shape: [Int]
}

private struct ModelMetadata: Encodable {
    var name: String
    var versions: [String]
    var platform: String
    var inputs: [TensorMetadata]
    var outputs: [TensorMetadata]
    var parameters: [String: [String]]
}

private struct ServerMetadata: Encodable {
    var name: String
    var version: String
    var extensions: [String]
}
