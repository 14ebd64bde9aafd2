import Testing

@testable import ModelStorage

@Suite("Words of MLflow")
struct MLflowWordsTests {
    @Test(
        "addresses name an alias, a version, a logged model or a run",
        arguments: [
            ("models:/fraud@champion", MLflowReference.alias(model: "fraud", alias: "champion")),
            ("models:/team%2Efraud%20v2/12", .version(model: "team.fraud v2", version: "12")),
            ("models:/a@b@champion", .alias(model: "a@b", alias: "champion")),
            ("models:/m-0a1b", .loggedModel(id: "m-0a1b")),
            ("runs:/0a1b/model/sub", .run(id: "0a1b", path: "model/sub")),
            ("runs:/0a1b", .run(id: "0a1b", path: "")),
        ])
    func read(uri: String, expected: MLflowReference) throws {
        #expect(try MLflowReference(uri) == expected)
        #expect(try MLflowReference(expected.description) == expected)
    }

    @Test(
        "malformed addresses are refused",
        arguments: [
            "models:/fraud", "models:fraud/1", "models://registry/fraud/1", "models:/fraud/latest", "models:/fraud@",
            "models:/@champion", "models:/a/b/1", "models:/a%2Fb/1", "models:/a:b/1", "models:/a/1?x=1",
            "models:/a/1#x",
            "models:/a@b/c", "models:/a/-1", "runs:/", "runs://host/x", "runs:/id/../x", "runs:/i%2Fd/x",
            "models:/..@..",
        ])
    func malformed(uri: String) {
        let error = #expect(throws: StorageError.self) { try MLflowReference(uri) }
        #expect(error?.code == .unsupported)
    }

    @Test(
        "malformed artifacts are refused",
        arguments: [
            "mlflow-artifacts:", "mlflow-artifacts:/", "mlflow-artifacts:x", "mlflow-artifacts:/a/../b",
            "mlflow-artifacts://u:p@host/x", "mlflow-artifacts:/a?b", "mlflow-artifacts:/a//b",
        ])
    func malformedArtifacts(uri: String) {
        #expect(throws: StorageError.self) { try MLflowArtifacts(uri) }
    }

    @Test("places that MLflow writes without escapes are escaped, and its folders become addresses")
    func places() {
        #expect(MLflowAnswer.address("s3://b/my model/50%?#") == "s3://b/my%20model/50%25%3F%23")
        #expect(MLflowAnswer.address("/srv/ml runs/0") == "file:///srv/ml%20runs/0")
        #expect(MLflowAnswer.address("file:///srv/a%20b") == "file:///srv/a%20b")
        #expect(MLflowAnswer.address("https://h/x?sig=a%2Bb") == "https://h/x?sig=a%2Bb")
        #expect(MLflowAnswer.address("s3://b/run/", below: "my model") == "s3://b/run/my%20model")
    }

    @Test("answers that are not MLflow's, and names that leave a folder, are refused")
    func answers() {
        #expect(MLflowAnswer.artifacts(Array(#"{"files": [{"path": "../x", "file_size": 1}]}"#.utf8)) == nil)
        #expect(MLflowAnswer.artifacts(Array(#"{"files": [{"path": "a/b", "file_size": 1}]}"#.utf8)) == nil)
        #expect(MLflowAnswer.artifacts(Array(#"{"files": [{"path": "a", "file_size": -1}]}"#.utf8)) == nil)
        #expect(MLflowAnswer.artifacts(Array("{}".utf8)) == [])
        #expect(MLflowAnswer.artifacts(Array("<html>".utf8)) == nil)
        #expect(MLflowAnswer.version(Array(#"{"model_version": {"version": "1/../2"}}"#.utf8)) == nil)
        #expect(MLflowAnswer.downloadURI(Array(#"{"artifact_uri": ""}"#.utf8)) == nil)
    }

    @Test("the texts of a refusal say where, what and what to do")
    func refusals() {
        var head = ResponseHead()
        head.status = 404
        let error = MLflowRefusal(head: head).error(of: "models:/x/1", at: "https://h", advice: "")
        #expect(error?.message == "https://h has no MLflow API at this path (404). Check MLFLOW_TRACKING_URI.")
        head.status = 500
        #expect(MLflowRefusal(head: head).error(of: "models:/x/1", at: "https://h", advice: "") == nil)
    }
}
