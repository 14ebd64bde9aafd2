import Analysis
import Foundation
import ModelManifests
import Rollouts
import Serving
import Synchronization
import Testing

@testable import MetricSources

@Suite("Servers' own metrics", .timeLimit(.minutes(10)))
struct ServerMetricsTests {
    /// Pages by URL; a URL without a page does not answer.
    private func server(_ pages: [String: String]) -> ServerMetrics {
        ServerMetrics { request in
            guard let page = pages[request.url] else { throw SourceError(.unreachable, "connection refused") }
            return SourceResponse(status: 200, body: Data(page.utf8))
        }
    }

    private func side(
        _ revision: String, _ addresses: [String], _ metrics: RuntimeMetrics? = RuntimeMetrics(dialect: .mlctl)
    ) -> Inquiry.Side {
        Fixtures.side(
            revision,
            instances: addresses.map {
                Fixtures.instance("i-\($0)", of: revision, at: "127.0.0.1:\($0)", port: metrics?.port ?? "")
            }, metrics: metrics)
    }

    private func page(requests: Int, start: String? = "1.5e9", beside: String = "") -> String {
        "mlctl_model_requests_total{code=\"200\"} \(requests)\n\(beside)\n"
            + (start.map { "process_start_time_seconds \($0)\n" } ?? "")
    }

    @Test("are readings of every instance of both sides, with the server's start time as epoch")
    func readings() async throws {
        let server = server([
            "http://127.0.0.1:1/metrics": page(requests: 10),
            "http://127.0.0.1:2/metrics": page(requests: 20, start: nil),
            "http://127.0.0.1:3/metrics": page(requests: 3),
        ])
        let readings = try await server.readings(
            of: [], sides: [side("aaaaaaaaaa", ["1", "2"]), side("bbbbbbbbbb", ["3"])])
        #expect(readings.map(\.instance) == ["i-1", "i-2", "i-3"])
        #expect(readings.map(\.revision.rawValue) == ["aaaaaaaaaa", "aaaaaaaaaa", "bbbbbbbbbb"])
        #expect(readings.map(\.epoch) == ["1500000000.0", "restarts-2", "1500000000.0"])
        #expect(readings.map(\.counters.requests) == [10, 20, 3])
    }

    @Test("are read at the named port and path")
    func addresses() async throws {
        let asked = Mutex<[String]>([])
        let server = ServerMetrics { request in
            asked.withLock { $0.append(request.url) }
            return SourceResponse(status: 200, body: Data())
        }
        let metrics = RuntimeMetrics(path: "stats/prometheus", port: "metrics", dialect: .mlserver)
        _ = try await server.readings(of: [], sides: [side("bbbbbbbbbb", ["4"], metrics)])
        #expect(asked.withLock { $0 } == ["http://127.0.0.1:4/stats/prometheus"])
    }

    @Test("have the counters that ratios name, summed over their selectors")
    func ratios() async throws {
        let beside = """
            tokens_total{kind="in"} 30
            tokens_total{kind="out"} 12.5
            secret_total 99
            """
        let server = server(["http://127.0.0.1:1/metrics": page(requests: 10, beside: beside)])
        let ratio = CounterRatio(source: "server", of: #"tokens_total{ kind="out" }"#, per: "tokens_total")
        let empty = CounterRatio(source: "server", of: "empty_total", per: "tokens_total")
        let readings = try await server.readings(
            of: [ratio, empty], sides: [side("bbbbbbbbbb", ["1"], RuntimeMetrics(dialect: .other))])
        #expect(readings.map(\.counters) == [RequestCounters(named: [ratio.of: 12.5, ratio.per: 42.5])])
    }

    @Test("cover all instances or none: the error names the missing one")
    func allOrNothing() async throws {
        let server = server(["http://127.0.0.1:1/metrics": page(requests: 10)])
        await #expect(
            throws: SourceError(
                .unreachable,
                "instance i-2 of revision bbbbbbbbbb (http://127.0.0.1:2/metrics): connection refused")
        ) { try await server.readings(of: [], sides: [side("aaaaaaaaaa", ["1"]), side("bbbbbbbbbb", ["2"])]) }
    }

    @Test("that cannot be read say what is missing in the manifest")
    func missing() async throws {
        let server = server(["http://127.0.0.1:1/metrics": page(requests: 1)])
        func failure(_ side: Inquiry.Side, _ ratios: [CounterRatio] = []) async -> String? {
            do {
                _ = try await server.readings(of: ratios, sides: [side])
                return nil
            } catch {
                return String(describing: error)
            }
        }
        #expect(await failure(side("bbbbbbbbbb", ["1"], nil))?.contains("add runtime.metrics") == true)
        #expect(await failure(side("bbbbbbbbbb", []))?.contains("no ready instance") == true)
        var elsewhere = side("bbbbbbbbbb", ["1"])
        elsewhere.metrics?.port = "metrics"
        #expect(await failure(elsewhere)?.contains("no port 'metrics'") == true)
        let other = side("bbbbbbbbbb", ["1"], RuntimeMetrics(dialect: .other))
        #expect(await failure(other)?.contains("set runtime.metrics.dialect") == true)
        let query = CounterRatio(source: "server", of: "rate(x[5m])", per: "y")
        #expect(await failure(other, [query])?.contains("not the name of a counter") == true)
        #expect(await failure(side("bbbbbbbbbb", (0...512).map(String.init)))?.contains("at most 512") == true)
    }

    @Test("are refused where the page says gauge, or a value cannot be a counter")
    func impossible() async throws {
        for page in ["# TYPE queue gauge\nqueue 3\n", "queue NaN\n", "queue -1\n", "queue{"] {
            let server = server(["http://127.0.0.1:1/metrics": page])
            let ratio = CounterRatio(source: "server", of: "queue", per: "requests_total")
            await #expect(throws: SourceError.self) {
                try await server.readings(of: [ratio], sides: [side("bbbbbbbbbb", ["1"])])
            }
        }
    }

    @Test("measure the mean over the candidate's instances")
    func measuring() async throws {
        let server = server([
            "http://127.0.0.1:1/metrics": "queue{model=\"a\"} 3\nqueue{model=\"b\"} 1\n",
            "http://127.0.0.1:2/metrics": "queue{model=\"a\"} 5\n", "http://127.0.0.1:3/metrics": "other 1\n",
            "http://127.0.0.1:4/metrics": "queue NaN\n", "http://127.0.0.1:5/metrics": "queue +Inf\n",
        ])
        func measure(_ query: String, _ addresses: String...) async -> Measured {
            await server.measure(query, candidate: side("bbbbbbbbbb", addresses, RuntimeMetrics(dialect: .other)))
        }
        #expect(await measure("queue", "1", "2") == .value(4.5))
        #expect(await measure(#"queue{model="a"}"#, "1", "2") == .value(4))
        #expect(await measure("queue", "1", "3") == .noData("instance i-3 has no queue"))
        #expect(await measure("queue", "1", "4") == .noData("queue is not a number (NaN)"))
        #expect(await measure("queue", "5") == .error("queue is infinite"))
        #expect(
            await measure("queue", "1", "9")
                == .error("instance i-9 of revision bbbbbbbbbb (http://127.0.0.1:9/metrics): connection refused"))
        guard case .error = await measure("avg(queue)", "1") else {
            Issue.record("an expression is not a name")
            return
        }
    }

    @Test("are read a few at a time, however many instances there are")
    func bounded() async throws {
        let state = Mutex((now: 0, most: 0))
        let server = ServerMetrics { _ in
            state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            for _ in 0..<20 { await Task.yield() }
            state.withLock { $0.now -= 1 }
            return SourceResponse(status: 200, body: Data())
        }
        let side = side("bbbbbbbbbb", (1...200).map(String.init))
        #expect(try await server.readings(of: [], sides: [side]).map(\.instance) == side.instances.map(\.id))
        let most = state.withLock { $0.most }
        #expect((1...ServerMetrics.scrapesAtOnce).contains(most))
    }
}
