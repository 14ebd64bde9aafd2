import AsyncHTTPClient
import Commands
import Foundation
import NIOCore
import TestSupport
import Testing

/// Users whose answers turn out to be right or wrong later. Each outcome is reported with the id of its answer.
@Suite("Delayed ground truth", .serialized)
struct OutcomeTests {
    /// The percentage of correct answers of a version.
    private static func rightness(of version: String) -> Int { version.hasSuffix("2") ? 90 : 60 }

    @Test("an A/B test ends with the revision that the outcomes favour, and every user stays with one revision")
    func winner() async throws {
        try await withInstallation { installation in
            func manifest(_ version: String) -> String {
                installation.manifest(
                    version,
                    rollout: """
                            strategy: ab
                            ab: {share: 50, goal: {outcome: {label: correct}, minSamples: 50}, horizon: 10m}
                            gates: [{name: errors, compare: {metric: errors}}]
                        """, extra: "  traffic: {sticky: {header: x-user-id}}")
            }
            try installation.commit(["model.yaml": manifest("good-1")])
            try await installation.start()
            let first = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            let endpoint = try #require(first.endpoint)
            try installation.commit(["model.yaml": manifest("good-2")])
            try await installation.sync()
            try await installation.wait("model", for: "both have traffic") { $0.candidate?.weight == 50 }

            var revisions: [String: Set<String>] = [:]
            // Outcomes count from the first full minute of the test.
            let end = ContinuousClock.now + Installation.waitLimit
            var round = 0
            while ContinuousClock.now < end {
                round += 1
                let answers = try await Self.ask(endpoint, users: (0..<100).map { "user-\($0 + 100 * (round % 40))" })
                // After the test, all users get the same revision.
                guard try await installation.status("model")?.candidate != nil else { break }
                for answer in answers { revisions[answer.user, default: []].insert(answer.revision) }
                let outcomes = answers.enumerated().map { index, answer in
                    let isRight = (index * 37 + round) % 100 < Self.rightness(of: answer.version)
                    return "{\"requestId\": \"\(answer.requestId)\", \"correct\": \(isRight ? 1 : 0)}"
                }
                let status = try await Self.report("[\(outcomes.joined(separator: ","))]", to: installation)
                #expect(status == 200)
            }
            let over = try await installation.wait("model", for: "the test is over") { $0.candidate == nil }
            #expect(over.stable?.version == "good-2", "\(over.message)")
            let moved = revisions.values.count { $0.count > 1 }
            #expect(moved == 0)
        }
    }

    private struct Answer: Sendable {
        var user: String
        var revision: String
        var version: String
        var requestId: String
    }

    private static func ask(_ endpoint: String, users: [String]) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            for user in users {
                group.addTask {
                    var request = HTTPClientRequest(url: endpoint + "/predict")
                    request.method = .POST
                    request.headers.add(name: "x-user-id", value: user)
                    request.body = .bytes(ByteBuffer(string: "{}"))
                    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
                    let body = try await response.body.collect(upTo: 1 << 16)
                    return Answer(
                        user: user, revision: response.headers.first(name: "x-mlctl-revision") ?? "",
                        version: String(buffer: body),
                        requestId: response.headers.first(name: "x-mlctl-request-id") ?? "")
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private static func report(_ body: String, to installation: Installation) async throws -> UInt {
        var request = HTTPClientRequest(url: "\(installation.api?.absoluteString ?? "")/api/v1/outcomes")
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "authorization", value: "Bearer \(installation.token ?? "")")
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        _ = try await response.body.collect(upTo: 1 << 20)
        return response.status.code
    }
}
