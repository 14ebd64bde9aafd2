import Foundation
import Glibc
import ModelManifests
import Testing

@testable import LocalServing

@Suite("Telling a busy server from a dead one", .timeLimit(.minutes(10)))
struct WorkSampleTests {
    private let before = WorkSample(at: .seconds(10), answeredBytes: [1: 500, 2: 0], closed: [7], processorTicks: 100)

    private func later(
        _ answered: [UInt32: UInt64], closed: Set<UInt32> = [7], hasRequest: Bool = false, ticks: UInt64 = 100
    ) -> Bool {
        WorkSample(
            at: .seconds(20), answeredBytes: answered, closed: closed, hasRequest: hasRequest, processorTicks: ticks
        ).showsWork(since: before)
    }

    @Test("answers that arrived are work: on an old connection, a new one, or a closed one")
    func answers() {
        #expect(later([1: 700, 2: 0]))
        #expect(later([1: 500, 3: 200]))
        #expect(later([1: 500], closed: [7, 8]))
        #expect(!later([1: 500, 2: 0]))
        #expect(!later([3: 1]))
        #expect(!later([:]))
    }

    @Test("a waiting request is work while the server computes, and not while the server only waits")
    func computing() {
        let perSecond = UInt64(sysconf(Int32(_SC_CLK_TCK)))
        #expect(later([1: 500], hasRequest: true, ticks: 100 + perSecond))
        #expect(!later([1: 500], hasRequest: true, ticks: 100 + perSecond / 2))
        // Threads that compute, but for no request.
        #expect(!later([1: 500], ticks: 100 + 10 * perSecond))
    }

    /// Handles one request at a time, like many model servers, so a probe waits behind requests. `slow`: the time of one request.
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
        "answers to the keeper's own probes are not work: a server whose liveness hangs is restarted"
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
        try folder.requestStop()
        #expect(try await exitCode == 0)
    }

    @Test("a server that answers requests but no probe in time keeps running; one that answers nothing is restarted")
    func realServer() async throws {
        let test = try TestState()
        // Enough time for some answers, and for an idle server that is late, even on a slow machine.
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
            // Two requests always wait, so that a probe exceeds its time.
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
        try folder.requestStop()
        #expect(try await exitCode == 0)
    }
}
