import Foundation
import Synchronization
import Testing

@testable import MetricSources

@Suite("Checking whether a source answers") struct SourceProbeTests {
    private func settings(_ text: String) throws -> SourceSettings {
        try JSONDecoder().decode(SourceSettings.self, from: Data(text.utf8))
    }

    /// - Returns: the answer, and the requests that were sent.
    private func ask(
        _ text: String, status: Int = 200, date: String? = nil
    ) async throws -> (SourceProbe.Answer?, [SourceRequest]) {
        let sent = Mutex<[SourceRequest]>([])
        let probe = SourceProbe { request, _, _ in
            sent.withLock { $0.append(request) }
            return SourceResponse(status: status, body: Data(), date: date)
        }
        return (await probe.ask(try settings(text), within: .seconds(1)), sent.withLock { $0 })
    }

    private static let prometheus = #"{"name": "p", "kind": "prometheus", "url": "http://127.0.0.1:9090/x"}"#
    private static let web =
        #"{"name": "w", "kind": "web", "url": "https://q.example.com:8443/m/{{name}}?r={{revision}}", "#
        + #""headers": [{"name": "X-Api-Key", "fromEnvironment": "KEY"}]}"#

    @Test("Prometheus gets a query that it can always answer, and its refusal is a problem")
    func prometheus() async throws {
        let (answer, sent) = try await ask(Self.prometheus, date: "then")
        #expect(answer == SourceProbe.Answer(problem: nil, date: "then", asked: "http://127.0.0.1:9090/x"))
        #expect(sent.count == 1 && sent[0].url.hasPrefix("http://127.0.0.1:9090/x/api/v1/query"))
        #expect(try await ask(Self.prometheus, status: 401).0?.problem?.code == .refused)
    }

    @Test("of a web source only the host is called, without its headers, and any answer counts")
    func web() async throws {
        let (answer, sent) = try await ask(Self.web, status: 404)
        #expect(answer?.problem == nil)
        #expect(sent == [SourceRequest(url: "https://q.example.com:8443/")])
    }

    @Test("a command source is not started")
    func command() async throws {
        let (answer, sent) = try await ask(#"{"name": "c", "kind": "command", "command": ["/bin/false"]}"#)
        #expect(answer == nil && sent.isEmpty)
    }

    @Test("an unreadable secret and a source that does not answer are reported")
    func failures() async throws {
        let secret =
            #"{"name": "p", "kind": "prometheus", "url": "http://127.0.0.1:9090", "bearerTokenFile": "/nowhere/token"}"#
        let (answer, sent) = try await ask(secret)
        #expect(answer?.problem?.code == .missingSecret && sent.isEmpty)
        let probe = SourceProbe { _, _, _ in throw SourceError(.unreachable, "no answer within 1 s") }
        #expect(await probe.ask(try settings(Self.prometheus), within: .seconds(1))?.problem?.code == .unreachable)
    }

    @Test("secret files and trust files are listed")
    func files() throws {
        let text =
            #"{"name": "p", "kind": "prometheus", "url": "https://p", "bearerTokenFile": "/t", "#
            + #""caFile": "/ca", "clientCertificateFile": "/c", "clientKeyFile": "/k"}"#
        let prometheus = try settings(text)
        #expect(prometheus.secretFiles == ["/t", "/k"] && prometheus.trustFiles == ["/ca", "/c"])
        let web = try settings(
            #"{"name": "w", "kind": "web", "url": "https://q", "headers": [{"name": "A", "fromFile": "/h"}]}"#)
        #expect(web.secretFiles == ["/h"] && !web.believesAnybody)
        #expect(
            try settings(#"{"name": "w", "kind": "web", "url": "https://q", "insecureSkipTLSVerify": true}"#)
                .believesAnybody)
        #expect(try settings(#"{"name": "c", "kind": "command", "command": ["/bin/x"]}"#).program == "/bin/x")
    }
}
