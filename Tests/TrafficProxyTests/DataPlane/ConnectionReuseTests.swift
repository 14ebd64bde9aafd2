import Foundation
import Testing

@testable import TrafficProxy

@Suite("Connections that an instance closes while the next request is being sent")
struct ConnectionReuseTests {
    private static let request = "POST /infer HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"

    private func withServer(_ body: (RacingServer) async throws -> Void) async throws {
        let server = try RacingServer()
        defer { server.stop() }
        try await body(server)
    }

    @Test("lose no request: one that never arrived is sent again, even a POST, and is not an error")
    func pipelined() async throws {
        try await withServer { server in
            try await PlaneHarness.run { harness in
                let client = try RawClient(port: try await harness.route(["r": (100, [server.port])]))
                try await client.send(String(repeating: Self.request, count: 40))
                for _ in 0..<40 { #expect(try await client.answer().status == 200) }
                let report = try await harness.instance("r-0")
                #expect(report.counters.requests == 40 && report.counters.errors == 0)
            }
        }
    }

    @Test("lose no request either if the next one waited for the connection")
    func handedOn() async throws {
        var limits = ProxyLimits()
        limits.upstreamConnections = 1
        try await withServer { server in
            try await PlaneHarness.run(limits: limits) { harness in
                let port = try await harness.route(["r": (100, [server.port])])
                let clients = try (0..<8).map { _ in try RawClient(port: port) }
                for _ in 0..<10 {
                    for client in clients { try await client.send(Self.request) }
                    for client in clients { #expect(try await client.answer().status == 200) }
                }
                let report = try await harness.instance("r-0")
                #expect(report.counters.requests == 80 && report.counters.errors == 0)
            }
        }
    }
}

@Suite struct RecentFailureShareTests {
    @Test("an instance that fails quickly gets no more than its share of the requests")
    func failingFast() async throws {
        try await PlaneHarness.run { harness in
            let failing = try await ScriptedUpstream(.status(500))
            let slow = try await ScriptedUpstream(.slow(.milliseconds(20)))
            let port = try await harness.route(["r": (100, [failing.port, slow.port])])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        let client = try RawClient(port: port)
                        for _ in 0..<50 { _ = try await client.request() }
                    }
                }
                try await group.waitForAll()
            }
            // Half, plus five standard deviations. Without the check it gets nine of ten.
            #expect(try await failing.requests() < 360)
        }
    }

    @Test("a few failures make no difference, and old failures are forgotten")
    func forgets() {
        var worse = RecentFailureShare()
        let other = RecentFailureShare()
        worse.note(failed: true)
        #expect(!worse.isWorse(than: other))
        for _ in 0..<5 { worse.note(failed: true) }
        #expect(worse.isWorse(than: other) && !other.isWorse(than: worse))
        for _ in 0..<60 { worse.note(failed: false) }
        #expect(!worse.isWorse(than: other))
    }
}
