import Analysis
import Foundation
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import MetricSources

/// Prometheus from Debian, which scrapes a page every second.
@Suite(
    "A real Prometheus", .timeLimit(.minutes(10)),
    .enabled(if: (try? ChildProcess.run(["which", "prometheus"])) != nil))
struct RealPrometheusTests {
    @Test("answers instant queries and ranges, and gives counters of both sides")
    func real() async throws {
        let prometheus = try LocalPrometheus()
        let source = try prometheus.source()
        let isUp = await prometheus.wait { await source.measure("up") == .value(1) }
        try #require(isUp)

        #expect(await source.measure(#"sum(predictions_total{revision="bbbbbbbbbb"})"#) == .value(30))
        #expect(await source.measure(#"sum(predictions_total{revision="bbbbbbbbbb"}[1m:1s])"#) != .value(30))
        #expect(await source.measure(#"predictions_total{code="500",revision="bbbbbbbbbb"}[1m]"#) == .value(10))
        #expect(
            await source.measure("predictions_total / 0 - predictions_total / 0 > 0")
                == .noData("the query has no result: no series matches"))
        guard case .error(let many) = await source.measure("predictions_total"),
            case .error(let wrong) = await source.measure("sum(")
        else {
            Issue.record("a value of several series, or of no query")
            return
        }
        #expect(many.hasPrefix("3 series instead of one"))
        #expect(wrong.hasPrefix("Prometheus: bad_data"))

        let failed = #"predictions_total{code="500",revision="bbbbbbbbbb"}"#
        for reduction in MetricRange.Reduction.allCases {
            let range = MetricRange(over: .seconds(60), step: .seconds(1), reduce: reduction)
            #expect(await source.measure(failed, range: range) == .value(10))
        }
        let hour = MetricRange(over: .seconds(3600), step: .seconds(60), reduce: .max, minPoints: 30)
        guard case .noData(let tooYoung) = await source.measure(failed, range: hour),
            case .error(let nested) = await source.measure("\(failed)[1m]", range: hour)
        else {
            Issue.record("a value of an hour that has not been, or of a range of ranges")
            return
        }
        #expect(tooYoung.hasSuffix("are numbers in the last 1h, but 30 are required"))
        #expect(nested.hasPrefix("Prometheus: bad_data"))
        #expect(
            await source.measure(#"predictions_total{revision="cccccccccc"}"#, range: hour)
                == .noData("the query has no result: no series matches"))

        let ratio = CounterRatio(
            source: "p", of: #"predictions_total{revision="{{revision}}",code="500"}"#,
            per: #"sum by (revision) (predictions_total{revision="{{revision}}"})"#)
        let readings = try await source.readings(
            of: [ratio], for: Fixtures.fraud, sides: [Fixtures.side("aaaaaaaaaa"), Fixtures.side("bbbbbbbbbb")])
        let sums = readings.reduce(into: [:]) { sums, reading in
            sums[reading.revision.rawValue, default: [:]].merge(reading.counters.named, uniquingKeysWith: +)
        }
        #expect(sums == ["aaaaaaaaaa": [ratio.per: 900], "bbbbbbbbbb": [ratio.of: 10, ratio.per: 30]])
    }
}

/// A Prometheus process for the test, on free loopback ports.
private final class LocalPrometheus {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "prometheus-\(UUID().uuidString)")
    private let page: ChildProcess
    private let server: ChildProcess
    private let port: Int

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        page = try ChildProcess(["python3", "-c", Self.page])
        guard let pagePort = try page.readLine(), let free = Int(try page.readLine() ?? "") else {
            throw NotStarted()
        }
        port = free
        let configuration = """
            global: {scrape_interval: 1s}
            scrape_configs:
            - job_name: models
              static_configs: [{targets: ["127.0.0.1:\(pagePort)"]}]
            """
        let file = folder.appending(path: "prometheus.yml")
        try Data(configuration.utf8).write(to: file)
        server = try ChildProcess(
            [
                "prometheus", "--config.file=\(file.path(percentEncoded: false))",
                "--storage.tsdb.path=\(folder.appending(path: "data").path(percentEncoded: false))",
                "--web.listen-address=127.0.0.1:\(port)", "--log.level=error",
            ],
            output: .files(
                output: folder.appending(path: "out").path(percentEncoded: false),
                errors: folder.appending(path: "err").path(percentEncoded: false)))
    }

    deinit {
        server.stop()
        page.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    func source() throws -> PrometheusSource {
        let json = #"{"name":"p","kind":"prometheus","url":"http://127.0.0.1:\#(port)"}"#
        guard case .prometheus(let settings) = try Fixtures.settings(json).kind else { throw CancellationError() }
        return PrometheusSource(settings, logger: Fixtures.quiet)
    }

    /// Waits until the condition holds, for at most a minute.
    func wait(_ condition: () async -> Bool) async -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end, server.isRunning {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    /// Prints its own port, and a free one.
    private static let page = #"""
        import http.server, os, socket, sys, threading

        PAGE = b"\n".join([
            b'# TYPE predictions_total counter',
            b'predictions_total{revision="aaaaaaaaaa",code="200"} 900',
            b'predictions_total{revision="bbbbbbbbbb",code="200"} 20',
            b'predictions_total{revision="bbbbbbbbbb",code="500"} 10',
            b'',
        ])

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(PAGE)

            def log_message(self, *args): pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_address[1], flush=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            print(free.getsockname()[1], flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        server.serve_forever()
        """#
}
