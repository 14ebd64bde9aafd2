import Analysis
import Foundation
import TestSupport
import Testing

@testable import MetricSources

@Suite("A call to a source", .timeLimit(.minutes(10)))
struct SourceTransportTests {
    private func failure(_ send: () async throws -> SourceResponse) async -> SourceError? {
        do {
            _ = try await send()
            return nil
        } catch {
            return error as? SourceError
        }
    }

    @Test("arrives with its headers and body, and brings the answer whole")
    func whole() async throws {
        let server = try StandIn()
        let answer = try await server.send("/echo", headers: [.init(name: "X-Key", value: "k")])
        let echoed = try JSONDecoder().decode([String: String].self, from: answer.body)
        #expect(answer.status == 200)
        #expect(echoed["X-Key"] == "k")
        #expect(try await server.send("/large", bytes: 11 << 20).body.count == 10 << 20)
    }

    @Test("ends in time if the server hangs or sends one byte after another", arguments: ["/hang", "/drip"])
    func late(path: String) async throws {
        let server = try StandIn()
        let error = await failure { try await server.send(path, timeout: .milliseconds(300)) }
        #expect(error == SourceError(.unreachable, "no answer within 0.3 s"))
    }

    @Test("takes no more than its limit of an answer", arguments: ["/large", "/endless"])
    func large(path: String) async throws {
        let server = try StandIn()
        let error = await failure { try await server.send(path) }
        #expect(error == SourceError(.unreadable, "the answer has more than 4 MiB: narrow the query"))
    }

    @Test("does not follow a redirect")
    func redirect() async throws {
        let server = try StandIn()
        let answer = try await server.send("/redirect", headers: [.init(name: "Authorization", value: "secret")])
        #expect(answer.status == 302)
        #expect(answer.refusal(by: "it")?.code == .refused)
    }

    @Test("that is cut off, or finds no server, gives a short error")
    func broken() async throws {
        let server = try StandIn()
        #expect(await failure { try await server.send("/cut") }?.code == .unreachable)
        let nobody = await failure {
            try await SourceTransport.send(
                SourceRequest(url: "http://127.0.0.1:1/"), timeout: .seconds(20), bytes: 1024)
        }
        #expect(nobody == SourceError(.unreachable, "connection refused"))
    }

    @Test("ends with its task")
    func cancellation() async throws {
        let server = try StandIn()
        let base = server.base
        let call = Task {
            try await SourceTransport.send(
                SourceRequest(url: base + "/hang"), timeout: .seconds(60), bytes: 1024)
        }
        call.cancel()
        await #expect(throws: (any Error).self) { try await call.value }
    }

    @Test("to a server that only resembles Prometheus never gives a value")
    func prometheus() async throws {
        let server = try StandIn()
        func measure(_ path: String) async throws -> Measured {
            let json = #"{"name":"p","kind":"prometheus","url":"\#(server.base)\#(path)","timeout":"5s"}"#
            guard case .prometheus(let settings) = try Fixtures.settings(json).kind else { throw CancellationError() }
            return await PrometheusSource(settings, logger: Fixtures.quiet).measure("up")
        }
        #expect(try await measure("/one") == .value(1))
        #expect(
            try await measure("/nan") == .noData("the result is not a number (NaN): nothing was counted in the window"))
        for (path, words) in [
            ("/redirect", "redirects"), ("/locked", "(401)"), ("/large", "more than 4 MiB"),
            ("/garbage", "does not answer like Prometheus"), ("/cut", "ended"),
        ] {
            guard case .error(let reason) = try await measure(path) else {
                Issue.record("\(path) has a value")
                continue
            }
            #expect(reason.contains(words))
        }
    }
}
