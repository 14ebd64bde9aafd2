import ArgumentParser
import Foundation
import Testing

@testable import Commands

@Suite("What mlctl init needs to know")
struct InitAnswersTests {
    private static func withFolder(_ files: [String], _ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "init-\(UUID().uuidString)/fraud v")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        for file in files { try Data().write(to: folder.appending(path: file)) }
        try body(folder)
    }

    @Test("a model's file tells its name, its server and its address")
    func file() throws {
        try Self.withFolder(["churn.joblib"]) { folder in
            let path = folder.appending(path: "churn.joblib").path(percentEncoded: false)
            let choice = try InitAnswers(model: path).choice()
            #expect(choice.name == "churn" && choice.server.format == "sklearn")
            #expect(choice.storageURI?.hasSuffix("fraud%20v/churn.joblib") == true)
        }
    }

    @Test("without a model and without a person it is the example")
    func example() throws {
        let choice = try InitAnswers().choice()
        #expect(choice.storageURI == nil && choice.server.runtime == "mlctl" && choice.name == InitAnswers.exampleName)
    }

    @Test("a person is asked for what no flag says, and nothing else")
    func questions() throws {
        try Self.withFolder(["weights.bin"]) { folder in
            var asked: [String] = []
            let ask: (String, String) -> String? = { question, _ in
                asked.append(question)
                return question.contains("model?") ? folder.path : question.contains("called") ? "mine" : nil
            }
            let choice = try InitAnswers(ask: ask).choice()
            #expect(choice.name == "mine" && choice.server.runtime == "mlserver" && asked.count == 3)
            asked = []
            _ = try InitAnswers(model: folder.path, name: "x", runtime: "vllm", ask: ask).choice()
            #expect(asked.isEmpty)
        }
    }

    @Test(
        "what cannot be is refused with advice",
        arguments: [
            ("/nonexistent/fraud", nil, nil, "there is no file or folder"),
            ("s3://b/fraud/", nil, nil, "give --runtime"),
            ("hf:o/m", nil, "torchserve", "there is no preset 'torchserve'"),
            ("hf:o/m", "Fraud Scorer", nil, "such as 'fraud-scorer'"),
        ] as [(String, String?, String?, String)])
    func refusals(_ model: String, _ name: String?, _ runtime: String?, _ reason: String) {
        let answers = InitAnswers(model: model, name: name, runtime: runtime)
        let error = #expect(throws: ValidationError.self) { try answers.choice() }
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }
}
