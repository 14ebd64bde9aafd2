import Foundation
import Testing

@testable import Demo

@Suite("The demo's models and requests")
struct DemoFleetTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appending(path: "manifests/demo/\(path)"), encoding: .utf8)
    }

    @Test("the models in the program equal those in the repository")
    func models() throws {
        #expect(DemoFleet.modelV1 == (try text("models/v1/model.json")))
        #expect(DemoFleet.modelV2 == (try text("models/v2/model.json")))
        #expect(DemoFleet.modelV3 == (try text("models/v3/model.json")))
    }

    @Test("the requests in the program equal those in the repository, one a line")
    func requests() throws {
        #expect(DemoFleet.requests.map { $0 + "\n" }.joined() == (try text("requests.jsonl")))
        #expect(DemoFleet.requests.count == 69)
    }
}
