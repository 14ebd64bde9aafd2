import Analysis
import Foundation
import ModelManifests
import Synchronization
import Testing

@testable import MetricSources

@Suite("A web endpoint as a source", .timeLimit(.minutes(10)))
struct WebSourceTests {
    private func settings(_ url: String, _ headers: String = "[]") throws -> WebSettings {
        let json = #"{"name":"q","kind":"web","url":"\#(url)","headers":\#(headers)}"#
        guard case .web(let settings) = try Fixtures.settings(json).kind else { throw CancellationError() }
        return settings
    }

    private let candidate = Fixtures.side("bbbbbbbbbb", version: "2026-11 a/b?c&d")

    @Test("is called at its URL, and the values of placeholders stay in their place")
    func request() throws {
        let source = WebSource(
            try settings("https://q.example.com/{{namespace}}/{{ name }}?rev={{revision}}&v={{version}}"),
            environment: [:])
        #expect(
            try source.request(Placeholders(deployment: Fixtures.fraud, side: candidate))
                == SourceRequest(
                    url: "https://q.example.com/payments/fraud?rev=bbbbbbbbbb&v=2026-11%20a%2Fb%3Fc%26d",
                    headers: [
                        .init(name: "Accept", value: "application/json"), .init(name: "User-Agent", value: "mlctl"),
                    ]))
    }

    @Test("gets headers from the environment and from files, with their current values")
    func headers() async throws {
        let file = try TemporaryFile("Bearer one\n")
        let source = WebSource(
            try settings(
                "https://q.example.com",
                #"[{"name":"Authorization","fromFile":"\#(file.path)"},{"name":"X-Key","fromEnvironment":"KEY"}]"#),
            environment: ["KEY": "k1"])
        let placeholders = Placeholders(deployment: Fixtures.fraud, side: candidate)
        #expect(try source.request(placeholders).headers.suffix(2).map(\.value) == ["Bearer one", "k1"])
        try file.write("Bearer two")
        #expect(try source.request(placeholders).headers.suffix(2).map(\.value) == ["Bearer two", "k1"])
    }

    @Test("is not called if the value of a header is missing", arguments: [[:], ["KEY": ""], ["KEY": "a\r\nHost: b"]])
    func missingHeaders(environment: [String: String]) async throws {
        let source = WebSource(
            try settings("https://q.example.com", #"[{"name":"X-Key","fromEnvironment":"KEY"}]"#),
            environment: environment
        ) { _, _ in
            Issue.record("it was asked")
            return SourceResponse(status: 200, body: Data("1".utf8))
        }
        #expect(
            await source.measure("a", of: Fixtures.fraud, candidate: candidate)
                == .error("the controller's environment has no variable KEY with a single line, for the header X-Key"))
    }

    @Test("answers with the number at the query's path; anything else is not a number")
    func measuring() async throws {
        let answer = Mutex((status: 200, body: #"{"accuracy": 0.9}"#))
        let source = WebSource(try settings("https://q.example.com/x"), environment: [:]) { _, _ in
            answer.withLock { SourceResponse(status: $0.status, body: Data($0.body.utf8)) }
        }
        func measure(_ query: String) async -> Measured {
            await source.measure(query, of: Fixtures.fraud, candidate: candidate)
        }
        #expect(await measure("accuracy") == .value(0.9))
        #expect(await measure("precision") == .noData("the answer has no 'precision'"))
        #expect(await measure("a[") == .error("'a[' is not a JSON path, such as metrics.accuracy"))
        answer.withLock { $0.status = 503 }
        #expect(await measure("accuracy") == .error("https://q.example.com/x answered 503."))
        answer.withLock { $0.status = 302 }
        guard case .error(let reason) = await measure("accuracy") else {
            Issue.record("a redirect has a number")
            return
        }
        #expect(reason.contains("redirects (302)"))
    }
}
