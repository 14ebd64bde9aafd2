import Foundation
import ModelManifests
import Serving
import Synchronization
import Testing

@testable import TrafficProxy

@Suite("Requests at an instance that left the routes")
struct DrainTests {
    private static let request = "GET / HTTP/1.1\r\nhost: h\r\n\r\n"

    private func cut(_ harness: PlaneHarness, until count: Int) async throws -> Int {
        try await eventually {
            try await harness.report().routes?.reduce(0) { $0 + $1.cutRequests } ?? 0
        } until: {
            $0 >= count
        }
    }

    @Test("have the drain time, and then end with a reason; no revision is blamed")
    func requestIsCut() async throws {
        try await PlaneHarness.run { harness in
            let old = try await ScriptedUpstream(.hang)
            let new = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["a": (100, [old.port])], drain: .milliseconds(150))
            let client = try RawClient(port: port)
            try await client.send(Self.request)
            #expect(try await harness.instance("a-0", inFlight: 1).inFlight == 1)
            try await harness.route(["b": (100, [new.port])], drain: .milliseconds(150), generation: 2)
            let answer = try await client.answer()
            #expect(answer.status == 503 && answer.body.contains("was removed"))
            #expect(try await cut(harness, until: 1) == 1)
            let report = try await harness.instance("a-0", inFlight: 0)
            #expect(report.counters.requests == 0 && report.counters.errors == 0 && !report.isListed)
            #expect(try await client.request("GET", body: "").status == 200)
            #expect(
                try await harness.metrics().contains(
                    "mlctl_proxy_cut_requests_total{namespace=\"test\",deployment=\"d\"} 1\n"))
        }
    }

    @Test("are not cut within their own time-out, which is the default drain time")
    func insideTimeOut() async throws {
        try await PlaneHarness.run { harness in
            let old = try await ScriptedUpstream(.held)
            let hanging = try await ScriptedUpstream(.hang)
            let port = try HeldPort.refusing()
            let otherPort = try HeldPort.refusing()
            func routes(listed: Bool) -> ProxyRoutes {
                func route(_ name: String, _ port: Int, _ upstream: Int, drain: Duration?) -> ProxyRoute {
                    ProxyRoute(
                        deployment: DeploymentKey(name: name), port: port, drainTimeout: drain,
                        revisions: [
                            RevisionRoute(
                                revision: Revision(rawValue: "r"), weight: 100,
                                upstreams: listed ? [Upstream(instance: name, port: upstream)] : [])
                        ])
                }
                return ProxyRoutes(routes: [
                    route("patient", port, old.port, drain: nil),
                    route("short", otherPort, hanging.port, drain: .milliseconds(1)),
                ])
            }
            _ = try await harness.handle.apply(routes(listed: true)).get()
            let client = try RawClient(port: port)
            try await client.send(Self.request)
            #expect(try await harness.instance("patient", inFlight: 1).inFlight == 1)
            // Whenever a request of the other instance is cut, this one was checked too.
            for round in 1...3 {
                let short = try RawClient(port: otherPort)
                try await short.send(Self.request)
                #expect(try await harness.instance("short", inFlight: 1).inFlight == 1)
                _ = try await harness.handle.apply(routes(listed: false)).get()
                #expect(try await cut(harness, until: round) == round)
                if round < 3 {
                    var again = routes(listed: false)
                    again.routes[1] = routes(listed: true).routes[1]
                    _ = try await harness.handle.apply(again).get()
                }
            }
            #expect(try await harness.instance("patient").inFlight == 1)
            // The server cannot answer a request that it has not read yet.
            for _ in 0..<1000 where try await old.requests() == 0 { try await Task.sleep(for: .milliseconds(5)) }
            try await old.answerHeld()
            let answer = try await client.answer()
            #expect(answer.status == 200 && answer.body == "late")
            let report = try await harness.instance("patient", inFlight: 0)
            #expect(report.counters.requests == 1 && report.counters.errors == 0)
        }
    }

    @Test("have a longer time if they stream, and cut streams differ from answers that ended normally")
    func streams() async throws {
        try await PlaneHarness.run { harness in
            let old = try await ScriptedUpstream(.events)
            let hanging = try await ScriptedUpstream(.hang)
            let new = try await ScriptedUpstream(.status(200))
            func route(_ ports: [Int], stream: Duration, generation: Int) async throws -> Int {
                try await harness.route(
                    ["a": (100, ports), "b": (0, [new.port])], drain: .milliseconds(1), streamDrain: stream,
                    generation: generation)
            }
            let port = try await route([old.port], stream: .seconds(60), generation: 1)
            let clients = [try RawClient(port: port), try RawClient(port: port)]
            try await clients[0].send(Self.request)
            _ = try await clients[0].read(until: "\r\n\r\n")
            // The second request goes to the instance without one.
            _ = try await route([old.port, hanging.port], stream: .seconds(60), generation: 1)
            try await clients[1].send(Self.request)
            #expect(try await harness.instance("a-1", inFlight: 1).inFlight == 1)
            _ = try await route([], stream: .seconds(60), generation: 2)
            // The hanging request is cut, and the stream continues after that.
            #expect(try await cut(harness, until: 1) == 1)
            #expect(try await harness.instance("a-0").inFlight == 1)
            try await old.stream("more")
            _ = try await route([old.port], stream: .milliseconds(50), generation: 3)
            _ = try await route([], stream: .milliseconds(50), generation: 4)
            #expect(try await cut(harness, until: 2) == 2)
            let report = try await harness.instance("a-0", inFlight: 0)
            #expect(report.counters.requests == 0 && report.counters.errors == 0)
        }
    }

    /// Returns where a request ends that waits for an instance's only connection while the routes give its port to an instance
    /// `new`, and the old instance accepts no connection any more.
    private func waitsWhileReplaced(
        by deployment: DeploymentKey, _ body: (RawClient.Answer, ScriptedUpstream) async throws -> Void
    ) async throws {
        var limits = ProxyLimits()
        limits.upstreamConnections = 1
        try await PlaneHarness.run(limits: limits) { harness in
            let old = try await ScriptedUpstream(.hang)
            let new = try await ScriptedUpstream(.status(200))
            func route(_ deployment: DeploymentKey, _ id: String, _ upstream: Int) async throws -> Int {
                let revision = RevisionRoute(
                    revision: Revision(rawValue: "r"), weight: 100, upstreams: [Upstream(instance: id, port: upstream)])
                let routes = ProxyRoutes(routes: [ProxyRoute(deployment: deployment, port: 0, revisions: [revision])])
                return try #require(try await harness.handle.apply(routes).get().endpoints.first).port
            }
            let port = try await route(PlaneHarness.deployment, "old", old.port)
            let (first, waiting) = (try RawClient(port: port), try RawClient(port: port))
            try await first.send(Self.request)
            #expect(try await harness.instance("old", inFlight: 1).inFlight == 1)
            try await waiting.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}")
            #expect(try await harness.instance("old", inFlight: 2).inFlight == 2)
            try await old.stop()
            #expect(try await route(deployment, "new", new.port) == port)
            // Frees the connection for the waiting request, whose instance is gone by then.
            try await first.reset()
            try await body(try await waiting.answer(), new)
        }
    }

    @Test("go to the instance that replaced theirs, if theirs had not received them yet")
    func replaced() async throws {
        try await waitsWhileReplaced(by: PlaneHarness.deployment) { answer, new in
            #expect(answer.status == 200)
            let count = try await new.requests()
            #expect(count == 1)
        }
    }

    @Test("never go to another deployment that now has their port, even if the revision is the same")
    func handedOver() async throws {
        try await waitsWhileReplaced(by: DeploymentKey(namespace: "test", name: "other")) { answer, new in
            #expect(answer.status == 502)
            let count = try await new.requests()
            #expect(count == 0)
        }
    }

    @Test("have their route's drain time when the proxy stops, even if the proxy's own is shorter")
    func proxyEnds() async throws {
        var limits = ProxyLimits()
        limits.drainTime = .zero
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.held)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send(Self.request)
            #expect(try await harness.instance("r-0", inFlight: 1).inFlight == 1)
            let hasEnded = Mutex(false)
            let drained = harness.handle.drain()
            drained.whenComplete { _ in hasEnded.withLock { $0 = true } }
            // Each call passes through the event loop on which the drain would end.
            for _ in 0..<50 { #expect(try await harness.report().instances.count == 1) }
            #expect(!hasEnded.withLock { $0 })
            try await upstream.answerHeld()
            #expect(try await client.answer().body == "late")
            // The connection announces that it closes, and ends once its client closes it too.
            _ = try await client.readToEnd()
            try await drained.get()
        }
    }
}
