import Testing

@testable import Presentation

@Suite("Which server a model is for")
struct ModelServerTests {
    @Test(
        "is read from its files",
        arguments: [
            (["model-settings.json", "model.joblib"], "mlserver", nil),
            (["fraud.joblib"], "mlserver", "./fraud.joblib"),
            (["fraud.PKL"], "mlserver", "./fraud.PKL"), (["a.ubj"], "mlserver", "./a.ubj"),
            (["MLmodel", "model.pkl"], "mlserver", "."),
            (["config.json", "model-00001.safetensors"], "vllm", nil),
            (["bentofile.yaml", "service.py"], "bentoml", nil),
            (["model.json"], "mlctl", nil),
        ] as [([String], String, String?)])
    func files(_ files: [String], _ runtime: String, _ uri: String?) {
        let server = ModelServer(files: files)
        #expect(server?.runtime == runtime && server?.environment["MLSERVER_MODEL_URI"] == uri)
    }

    @Test("nothing is guessed from files that could be anything")
    func unknown() {
        for files in [[], ["weights.bin"], ["config.json"], ["notes.txt", "data.csv"]] {
            #expect(ModelServer(files: files) == nil, "\(files)")
        }
    }

    @Test("is read from an address where that tells")
    func addresses() {
        #expect(ModelServer(address: "hf:org/model@main")?.runtime == "vllm")
        #expect(ModelServer(address: "models:/fraud@champion")?.environment["MLSERVER_MODEL_URI"] == ".")
        #expect(ModelServer(address: "https://h/fraud.joblib")?.format == "sklearn")
        #expect(ModelServer(address: "s3://bucket/fraud/v1/") == nil)
    }
}
