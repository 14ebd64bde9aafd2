import ArgumentParser
import InferenceServer

/// `mlctl serve-model`: the model server of the demo and of the preset `mlctl`.
struct ServeModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve-model", abstract: "Serve a tabular model over the Open Inference Protocol v2.",
        discussion: "Example: mlctl serve-model --model manifests/demo/models/v1/model.json --port 9000")

    @Option(help: "A model.json: a logistic regression or a tree ensemble.") var model: String
    @Option(help: "The address to listen on.") var host = "127.0.0.1"
    @Option(help: "The port; 0 uses a free one.") var port: Int
    @Option(help: "The model's name in request paths. Default: the name in the file.") var name: String?

    func run() async throws {
        let server = InferenceServer(
            configuration: .init(modelFile: model, host: host, port: port, modelName: name))
        try await server.run { listening in
            print(
                "serving \(listening.modelName) \(listening.modelVersion) on http://\(listening.host):\(listening.port)"
            )
        }
    }
}
