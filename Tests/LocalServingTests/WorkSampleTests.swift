import Foundation
import Glibc
import ModelManifests
import Testing

@testable import LocalServing

@Suite("A busy server is not a dead server", .timeLimit(.minutes(3)))
struct WorkSampleTests {
    private let before = WorkSample(at: .seconds(10), answeredBytes: [1: 500, 2: 0], closed: [7], processorTicks: 100)

    private func later(
        _ answered: [UInt32: UInt64], closed: Set<UInt32> = [7], hasRequest: Bool = false, ticks: UInt64 = 100
    ) -> Bool {
        WorkSample(
            at: .seconds(20), answeredBytes: answered, closed: closed, hasRequest: hasRequest, processorTicks: ticks
        ).showsWork(since: before)
    }

    @Test("answers that arrived are work: on a connection that was there, a new one, or one that is closed")
    func answers() {
        #expect(later([1: 700, 2: 0]))
        #expect(later([1: 500, 3: 200]))
        #expect(later([1: 500], closed: [7, 8]))
        #expect(!later([1: 500, 2: 0]))
        #expect(!later([3: 1]))
        #expect(!later([:]))
    }

    @Test("a request that waits is work while the server computes, and not while it only waits as well")
    func computing() {
        let perSecond = UInt64(sysconf(Int32(_SC_CLK_TCK)))
        #expect(later([1: 500], hasRequest: true, ticks: 100 + perSecond))
        #expect(!later([1: 500], hasRequest: true, ticks: 100 + perSecond / 2))
        // Threads that turn for nobody.
        #expect(!later([1: 500], ticks: 100 + 10 * perSecond))
    }

    /// One request at a time, as many model servers: a probe waits behind the requests. `slow` says how long one takes.
    private func script(_ flag: String) -> String {
        """
        import http.server, os, time
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == '/work': time.sleep(0.3)
                while os.path.exists('\(flag)'): time.sleep(0.01)
                print('GET', self.path, flush=True)
                self.send_response(200); self.end_headers()
                try: self.wfile.write(b'ok')
                except OSError: pass
        http.server.HTTPServer.request_queue_size = 64
        http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
        """
    }

    @Test(
        "that it answers the keeper's own probes is no work: a server of which only the liveness hangs is started again"
    )
    func ownProbes() async throws {
        let test = try TestState()
        let flag = "\(test.state.path)/hang"
        let script = """
            import http.server, os, time
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    while self.path == '/live' and os.path.exists('\(flag)'): time.sleep(0.05)
                    self.send_response(200); self.end_headers()
                    try: self.wfile.write(b'ok')
                    except OSError: pass
            http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
            """
        let live = Probe(
            check: .httpGet(path: "/live", port: nil), period: .milliseconds(500), timeout: .milliseconds(100),
            failureThreshold: 3)
        let ready = Probe(check: .httpGet(path: "/ready", port: nil), period: .milliseconds(100))
        let folder = try test.journal(
            Script.runtime(script, probes: Probes(readiness: ready, liveness: live), grace: .milliseconds(100)))
        async let exitCode = test.keeper().run()
        _ = try await folder.reaches(.ready)
        _ = try test.writeFile("hang", "")
        try await eventually("it is started again", within: .seconds(20)) {
            try folder.readStatus()?.restarts ?? 0 > 0 ? true : nil
        }
        unlink(flag)
        try folder.askToStop()
        #expect(try await exitCode == 0)
    }

    @Test("a server that answers requests and no probe in time is left alone; one that answers nothing is not")
    func realServer() async throws {
        let test = try TestState()
        // Room for some answers, and for a server that is idle and late, on a machine that has little time for this test.
        let live = Probe(
            check: .httpGet(path: "/live", port: nil), period: .seconds(2), timeout: .milliseconds(250),
            failureThreshold: 3)
        let ready = Probe(check: .tcpSocket(port: nil), period: .seconds(60))
        let folder = try test.journal(
            Script.runtime(
                script("\(test.state.path)/hang"), probes: Probes(readiness: ready, liveness: live),
                grace: .milliseconds(100)))
        async let exitCode = test.keeper().run()
        let first = try await folder.reaches(.ready)
        let port = first.port ?? 0
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Always two of them wait, so that a probe waits longer than its time.
            for _ in 0..<3 {
                group.addTask { while !Task.isCancelled { _ = await get(port: port, path: "/work") } }
            }
            try await eventually("it has answered for a while") {
                folder.serverOutput.components(separatedBy: "GET /work").count > 30 ? true : nil
            }
            group.cancelAll()
        }
        let status = try folder.readStatus()
        #expect(status?.restarts == 0, "\(status?.reason ?? "no reason"); \(folder.serverOutput.suffix(400))")
        #expect(status?.server == first.server)
        _ = try test.writeFile("hang", "")
        try await eventually("it is started again") { try folder.readStatus()?.restarts ?? 0 > 0 ? true : nil }
        unlink("\(test.state.path)/hang")
        try folder.askToStop()
        #expect(try await exitCode == 0)
    }
}
