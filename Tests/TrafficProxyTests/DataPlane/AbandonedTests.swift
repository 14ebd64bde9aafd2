import Foundation
import Serving
import Testing

@testable import TrafficProxy

@Suite("Requests whose clients give up")
struct AbandonedTests {
    /// How many clients gave up after more than `seconds`.
    private func abandoned(_ counters: RequestCounters, after seconds: Double) -> Int {
        zip(counters.bounds, counters.abandoned).first { $0.0 == seconds }?.1 ?? 0
    }

    /// - Parameter waits: the least time between the request and its end.
    private func giveUp(
        _ behaviour: ScriptedUpstream.Behaviour, sending text: String = "GET / HTTP/1.1\r\nhost: h\r\n\r\n",
        readingUntil read: String? = nil, after waits: Duration = .milliseconds(60)
    ) async throws -> RequestCounters {
        var counters = RequestCounters()
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(behaviour)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send(text)
            _ = try await harness.instance("r-0", inFlight: 1)
            if let read { _ = try await client.read(until: read) }
            try await Task.sleep(for: waits)
            try await client.reset()
            counters = try await harness.instance("r-0", inFlight: 0).counters
        }
        return counters
    }

    @Test("are counted by their wait, and are neither requests nor errors")
    func unanswered() async throws {
        let counters = try await giveUp(.hang)
        #expect(counters.requests == 0 && counters.errors == 0 && counters.latency.allSatisfy { $0 == 0 })
        #expect(counters.abandonedTotal == 1)
        #expect(abandoned(counters, after: 0.05) == 1)
        #expect(abandoned(counters, after: 100) == 0)
        #expect(zip(counters.abandoned, counters.abandoned.dropFirst()).allSatisfy { $0 >= $1 })
        // All were slow at the same moment, for each bound below their wait.
        #expect(counters.slowTogether == counters.abandoned && counters.errorsTogether == 0)
    }

    @Test("are counted by the time without a byte, if the answer had begun")
    func inMidAnswer() async throws {
        let counters = try await giveUp(
            .raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome", closes: false), readingUntil: "some")
        #expect(counters.requests == 0)
        #expect(abandoned(counters, after: 0.05) == 1 && abandoned(counters, after: 100) == 0)
    }

    @Test("are counted for nobody while the client has not sent its whole request")
    func inMidRequest() async throws {
        let counters = try await giveUp(
            .hang, sending: "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nsome")
        #expect(counters.requests == 0 && counters.abandoned.isEmpty)
    }

    @Test("are counted for nobody while the client does not read what has arrived")
    func notRead() async throws {
        var limits = ProxyLimits()
        limits.writeBufferHighBytes = 4096
        limits.writeBufferLowBytes = 1024
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.body([UInt8](repeating: 0x61, count: 16 << 20), fields: ""))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            _ = try await client.read(until: "\r\n\r\n")
            try await client.waitUntilNothingMoreComes()
            try await client.reset()
            let counters = try await harness.instance("r-0", inFlight: 0).counters
            #expect(counters.requests == 0 && counters.abandoned.isEmpty)
        }
    }

    @Test("are counted only for users: requests that are not evidence are not counted")
    func notUsers() async throws {
        let counters = try await giveUp(
            .hang, sending: "GET / HTTP/1.1\r\nhost: h\r\nx-mlctl-synthetic: true\r\n\r\n")
        #expect(counters.abandoned.isEmpty && counters.synthetic == nil)
    }

    @Test("appear in the metrics")
    func metrics() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.hang)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            _ = try await harness.instance("r-0", inFlight: 1)
            try await client.reset()
            _ = try await harness.instance("r-0", inFlight: 0)
            let metrics = try await harness.metrics()
            #expect(metrics.contains("mlctl_proxy_abandoned_total{") && metrics.contains("instance=\"r-0\"} 1\n"))
        }
    }
}
