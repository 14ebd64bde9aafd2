/// Which runtime serves a model, as far as its files or its address tell.
package struct ModelServer: Hashable, Sendable {
    /// A preset.
    package var runtime: String
    /// Variables that the server needs for these files.
    package var environment: [String: String] = [:]
    package var format: String?
    /// Whether it answers as the Open Inference Protocol says, so that its predictions can be compared.
    package var speaksOpenInference: Bool
    /// The program that must be on the PATH.
    package var program: String
    /// How to install it.
    package var installation: String

    /// - Returns: nil where there is no such preset.
    package init?(preset: String) {
        runtime = preset
        program = preset
        speaksOpenInference = preset == "mlserver" || preset == "mlctl"
        switch preset {
        case "mlserver": installation = "pip install mlserver"
        case "vllm": installation = "pip install vllm"
        case "bentoml": installation = "pip install bentoml"
        case "mlctl": installation = "it is this program: put it on the PATH"
        default: return nil
        }
    }

    private init(mlServer implementation: String, file: String, format: String, package plugin: String) {
        runtime = "mlserver"
        program = "mlserver"
        speaksOpenInference = true
        installation = "pip install mlserver \(plugin)"
        self.format = format
        environment = ["MLSERVER_MODEL_IMPLEMENTATION": implementation, "MLSERVER_MODEL_URI": file]
    }

    /// - Parameter files: the names of the files in a model's folder, or of its only file.
    /// - Returns: nil where they belong to no server that mlctl knows.
    package init?(files: [String]) {
        func has(_ name: String) -> Bool { files.contains(name) }
        func first(_ endings: String...) -> String? {
            files.sorted().first { name in endings.contains { name.lowercased().hasSuffix($0) } }
        }
        if has("model-settings.json") {
            self.init(preset: "mlserver")
        } else if has("MLmodel") {
            self.init(
                mlServer: "mlserver_mlflow.MLflowRuntime", file: ".", format: "mlflow", package: "mlserver-mlflow")
        } else if has("bentofile.yaml") || has("bento.yaml") || has("service.py") {
            self.init(preset: "bentoml")
        } else if first(".safetensors") != nil, has("config.json") {
            self.init(preset: "vllm")
        } else if let file = first(".joblib", ".pkl", ".pickle") {
            self.init(
                mlServer: "mlserver_sklearn.SKLearnModel", file: "./\(file)", format: "sklearn",
                package: "mlserver-sklearn")
        } else if let file = first(".bst", ".ubj") {
            self.init(
                mlServer: "mlserver_xgboost.XGBoostModel", file: "./\(file)", format: "xgboost",
                package: "mlserver-xgboost")
        } else if has("model.json") {
            self.init(preset: "mlctl")
        } else {
            return nil
        }
    }

    /// - Returns: nil where the address does not tell.
    package init?(address: String) {
        if address.hasPrefix("hf:") {
            self.init(preset: "vllm")
        } else if address.hasPrefix("models:") || address.hasPrefix("runs:") {
            self.init(files: ["MLmodel"])
        } else if let name = address.split(separator: "/").last, !address.hasSuffix("/") {
            self.init(files: [String(name)])
        } else {
            return nil
        }
    }
}
