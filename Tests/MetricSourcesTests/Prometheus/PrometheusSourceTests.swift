import Analysis
import Foundation
import ModelManifests
import Serving
import Synchronization
import Testing

@testable import MetricSources

@Suite("Prometheus as a source", .timeLimit(.minutes(10)))
struct PrometheusSourceTests {
    /// A server that knows the results of some queries.
    final class Server: Sendable {
        let asked = Mutex<[SourceRequest]>([])
        let results: [String: String]
        let failing: String?

        init(_ results: [String: String], failing: String? = nil) {
            self.results = results
            self.failing = failing
        }

        /// The fields of each form, decoded.
        var forms: [[String: String]] {
            asked.withLock { $0 }.map { request in
                var form: [String: String] = [:]
                for field in (request.body ?? "").split(separator: "&") {
                    let parts = field.split(separator: "=", maxSplits: 1)
                    form[String(parts[0])] = String(parts[1]).removingPercentEncoding
                }
                return form
            }
        }

        func answer(_ request: SourceRequest) -> SourceResponse {
            asked.withLock { $0.append(request) }
            let query = forms.last?["query"] ?? ""
            if query == failing { return SourceResponse(status: 500, body: Data()) }
            let samples = results[query] ?? ""
            let text = #"{"status":"success","data":{"resultType":"vector","result":[\#(samples)]}}"#
            return SourceResponse(status: 200, body: Data(text.utf8))
        }
    }

    private func source(_ server: Server, _ settings: String = "") throws -> PrometheusSource {
        let json = #"{"name":"p","kind":"prometheus","url":"http://127.0.0.1:9090/"\#(settings)}"#
        guard case .prometheus(let prometheus) = try Fixtures.settings(json).kind else { throw CancellationError() }
        return PrometheusSource(prometheus, logger: Fixtures.quiet, now: { Date(timeIntervalSince1970: 1_700_000_000) })
        {
            request, _ in server.answer(request)
        }
    }

    private func sample(_ labels: String, _ value: String, at: Double = 1_700_000_000.25) -> String {
        #"{"metric":{\#(labels)},"value":[\#(at),"\#(value)"]}"#
    }

    private let sides = [Fixtures.side("aaaaaaaaaa", version: "2"), Fixtures.side("bbbbbbbbbb")]
    private let ratio = CounterRatio(
        source: "p", of: #"errors_total{revision="{{revision}}"}"#, per: #"requests_total{revision="{{ revision }}"}"#)

    @Test("measures one value of a query")
    func measuring() async throws {
        let server = Server(["up": sample("", "0.5")])
        #expect(try await source(server).measure("up") == .value(0.5))
        #expect(server.asked.withLock { $0 }.map(\.url) == ["http://127.0.0.1:9090/api/v1/query"])
        #expect(
            try await source(Server([:], failing: "up")).measure("up") == .error("http://127.0.0.1:9090 answered 500."))
    }

    @Test("reduces the points of a range, the last of them now")
    func ranges() async throws {
        let server = Server(["up": #"{"metric":{},"values":[[1,"2"],[2,"5"],[3,"NaN"]]}"#])
        let range = MetricRange(over: .seconds(300), step: .seconds(60), reduce: .max)
        #expect(try await source(server).measure("up", range: range) == .value(5))
        #expect(server.asked.withLock { $0 }.map(\.url) == ["http://127.0.0.1:9090/api/v1/query_range"])
        let form = try #require(server.forms.first)
        #expect(form["start"] == "1699999700.000" && form["end"] == "1700000000.000" && form["step"] == "60.000")
    }

    @Test("reads the counters of both sides at one time of the server's clock, one reading per series")
    func counters() async throws {
        let server = Server([
            #"errors_total{revision="aaaaaaaaaa"}"#: sample(#""__name__":"errors_total","pod":"a-1""#, "3"),
            #"requests_total{revision="aaaaaaaaaa"}"#: [
                sample(#""__name__":"requests_total","pod":"a-1""#, "100"),
                sample(#""__name__":"requests_total","pod":"a-2""#, "90"),
            ].joined(separator: ","),
            #"requests_total{revision="bbbbbbbbbb"}"#: sample(#""pod":"b-1""#, "10.5"),
        ])
        let readings = try await source(server).readings(of: [ratio], for: Fixtures.fraud, sides: sides)
        func reading(_ revision: String, _ pod: String, _ named: [String: Double]) -> Reading {
            Reading(
                instance: #"\#(revision) {pod="\#(pod)"}"#, revision: Revision(rawValue: revision), epoch: "series",
                counters: RequestCounters(named: named))
        }
        #expect(
            readings == [
                reading("aaaaaaaaaa", "a-1", [ratio.of: 3, ratio.per: 100]),
                reading("aaaaaaaaaa", "a-2", [ratio.per: 90]),
                reading("bbbbbbbbbb", "b-1", [ratio.per: 10.5]),
            ])
        #expect(server.forms.map { $0["time"] } == [nil, "1700000000.250", "1700000000.250", "1700000000.250"])
    }

    @Test("keeps the sides apart if a query sums up everything")
    func sumsOfBothSides() async throws {
        let server = Server(["sum(a)": sample("", "1"), "sum(b)": sample("", "2")])
        let ratio = CounterRatio(source: "p", of: "sum(a)", per: "sum(b)")
        let readings = try await source(server).readings(of: [ratio], for: Fixtures.fraud, sides: sides)
        #expect(readings.map(\.instance) == ["aaaaaaaaaa {}", "bbbbbbbbbb {}"])
    }

    @Test("reads all counters or none")
    func allOrNothing() async throws {
        let server = Server([:], failing: #"requests_total{revision="bbbbbbbbbb"}"#)
        await #expect(throws: SourceError(.unreachable, "http://127.0.0.1:9090 answered 500.")) {
            try await source(server).readings(of: [ratio], for: Fixtures.fraud, sides: sides)
        }
    }

    @Test("says that a window cannot be used in a cumulative counter")
    func windows() async throws {
        let ratio = CounterRatio(source: "p", of: "rate(errors_total[{{window}}])", per: "requests_total")
        await #expect(
            throws: SourceError(
                .invalidQuery, "{{window}} cannot be used in a cumulative counter: leave out rate(…) and the window")
        ) { try await source(Server([:])).readings(of: [ratio], for: Fixtures.fraud, sides: sides) }
    }

    @Test("sends the token that its file contains now, and reports a missing one")
    func tokens() async throws {
        let file = try TemporaryFile("first\n")
        let server = Server(["up": sample("", "1")])
        let source = try source(server, #","bearerTokenFile":"\#(file.path)""#)
        func authorization() -> String? {
            server.asked.withLock { $0 }.last?.headers.first { $0.name == "Authorization" }?.value
        }
        #expect(await source.measure("up") == .value(1))
        #expect(authorization() == "Bearer first")
        try file.write("second\r\n")
        #expect(await source.measure("up") == .value(1))
        #expect(authorization() == "Bearer second")

        for wrong in ["", "\n", "two\nlines", String(repeating: "a", count: SecretFile.mostBytes + 1)] {
            try file.write(wrong)
            guard case .error(let reason) = await source.measure("up") else {
                Issue.record("a value with the token \(wrong.prefix(20).debugDescription)")
                continue
            }
            #expect(reason.hasPrefix(file.path) && !reason.contains("two"))
        }
        try FileManager.default.removeItem(atPath: file.path)
        #expect(
            await source.measure("up")
                == .error("\(file.path) cannot be read: check the path, and that the controller may read it"))
        #expect(server.asked.withLock { $0 }.count == 2)
    }

    @Test("sends basic credentials with the password of a file")
    func basicAuthentication() async throws {
        let file = try TemporaryFile("open sesame")
        let server = Server(["up": sample("", "1")])
        let source = try source(
            server, #","basicAuth":{"username":"aladdin","passwordFile":"\#(file.path)"}"#)
        #expect(await source.measure("up") == .value(1))
        let sent = server.asked.withLock { $0 }.last?.headers.last?.value
        #expect(sent == "Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    }
}
