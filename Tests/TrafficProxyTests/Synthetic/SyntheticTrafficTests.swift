import Foundation
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct SyntheticTrafficTests {
    private static let spec = SyntheticRoute(ratePerSecond: 500, file: "/recorded.jsonl", path: "/infer")

    private static func recorded() throws -> RequestLines {
        try RequestLines(
            lines: Array("{\"n\": 1}\n{\"path\": \"/other\", \"body\": 2}".utf8), file: "f", path: "/infer",
            limits: ProxyLimits())
    }

    /// Applies a route with recorded requests. `stable` has all of the weight.
    @discardableResult
    private func route(
        _ harness: PlaneHarness, stable: [Int], candidate: [Int], timeout: Duration = .seconds(30),
        generates: Bool = true, generation: Int = 1
    ) async throws -> Int {
        func revision(_ name: String, _ weight: Int, _ ports: [Int]) -> RevisionRoute {
            RevisionRoute(
                revision: Revision(rawValue: name), weight: weight,
                upstreams: ports.enumerated().map { Upstream(instance: "\(name)-\($0.offset)", port: $0.element) })
        }
        let route = ProxyRoute(
            deployment: PlaneHarness.deployment, port: 0, requestTimeout: timeout,
            revisions: [revision("s", 100, stable), revision("c", 0, candidate)],
            generate: generates ? Self.spec : nil)
        let material = RouteMaterial(recorded: [PlaneHarness.deployment: try Self.recorded()])
        let report = try await harness.handle.apply(
            AcceptedRoutes(routes: ProxyRoutes(generation: generation, routes: [route])), with: material
        )
        .get()
        return try #require(report.endpoints.first).port
    }

    private func synthetic(
        _ harness: PlaneHarness, _ id: String, atLeast count: Int
    ) async throws -> SyntheticCounters {
        let report = try await eventually {
            try await harness.instance(id)
        } until: {
            $0.counters.synthetic?.requests ?? 0 >= count
        }
        return try #require(report.counters.synthetic)
    }

    @Test("recorded requests reach every revision, marked, and are counted apart from users' requests")
    func reaches() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(503))
            try await route(harness, stable: [stable.port], candidate: [candidate.port])
            let good = try await synthetic(harness, "s-0", atLeast: 20)
            let bad = try await synthetic(harness, "c-0", atLeast: 20)
            #expect(good.errors == 0 && good.latency.last == good.requests)
            #expect(bad.errors == bad.requests && bad.rejected == 0)
            let report = try await harness.report()
            let ofUsers = report.instances.filter { $0.counters.requests > 0 || $0.counters.errors > 0 }
            #expect(ofUsers.isEmpty)
            let failed = try #require(report.instances.first { $0.instance == "c-0" }?.failedRequestIds.last)
            let identity = RequestIdentity(failed, of: PlaneHarness.deployment, key: PlaneHarness.requestIdKey)
            #expect(identity?.revision.rawValue == "c")
            let (atStable, atCandidate) = (
                try #require(report.instances.first { $0.instance == "s-0" }?.counters.synthetic?.requests),
                try #require(report.instances.first { $0.instance == "c-0" }?.counters.synthetic?.requests)
            )
            #expect(abs(atStable - atCandidate) <= 64)
            // Connections are reused, not opened for each request.
            let connections = try await stable.connections()
            #expect(connections <= 64)
            let sent = try #require(try await stable.lastRequest())
            #expect(sent.fields.contains("x-mlctl-synthetic: true\n"))
            #expect(sent.fields.contains("content-type: application/json\n"))
            #expect(["/infer": "{\"n\": 1}", "/other": "2"][sent.path] == sent.body)
        }
    }

    @Test("if a revision hangs, the number of requests in progress is limited, and each ends with a time-out error")
    func hangs() async throws {
        var limits = ProxyLimits()
        limits.syntheticInFlight = 4
        try await PlaneHarness.run(limits: limits) { harness in
            let stable = try await ScriptedUpstream(.hang)
            let port = try await route(harness, stable: [stable.port], candidate: [])
            let snapshot = try await eventually {
                try await harness.handle.traffic().get()
            } until: {
                $0.routes.first?.syntheticDropped ?? 0 > 0
            }
            #expect(snapshot.routes.first?.syntheticDropped ?? 0 > 0)
            #expect(try await harness.instance("s-0").inFlight == 4)
            #expect(try await harness.instance("s-0").counters.synthetic == nil)
            // Users' requests still have room.
            try await stable.behave(.status(200))
            #expect(try await RawClient(port: port).request().status == 200)
        }
        try await PlaneHarness.run(limits: limits) { harness in
            let hanging = try await ScriptedUpstream(.hang)
            try await route(harness, stable: [hanging.port], candidate: [], timeout: .milliseconds(100))
            let counted = try await synthetic(harness, "s-0", atLeast: 8)
            #expect(counted.errors == counted.requests)
            let sooner = zip(LatencyBounds.seconds, counted.latency).filter { $0 < 0.1 && $1 > 0 }
            #expect(sooner.isEmpty)
        }
    }

    @Test("a revision that refuses or breaks connections has errors, and users' requests continue")
    func broken() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let cutOff = try await ScriptedUpstream(
                .raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", closes: true))
            let port = try await route(
                harness, stable: [stable.port], candidate: [cutOff.port, try HeldPort.refusing()])
            for id in ["c-0", "c-1"] {
                let counted = try await synthetic(harness, id, atLeast: 2)
                #expect(counted.errors == counted.requests)
            }
            #expect(try await RawClient(port: port).request().status == 200)
            #expect(try await harness.instance("s-0").counters.requests == 1)
        }
    }

    @Test("generation ends when the route no longer asks for it, and is not part of client traffic")
    func ends() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let port = try await route(harness, stable: [stable.port], candidate: [])
            _ = try await synthetic(harness, "s-0", atLeast: 5)
            try await route(harness, stable: [stable.port], candidate: [], generates: false, generation: 2)
            let atRest = try await harness.instance("s-0", inFlight: 0)
            // Twenty further requests, and none from the proxy.
            let client = try RawClient(port: port)
            for _ in 0..<20 { _ = try await client.request() }
            let after = try await harness.instance("s-0")
            #expect(after.counters.synthetic == atRest.counters.synthetic)
            #expect(after.counters.requests == 20)
        }
    }

    @Test("a client's request marked as synthetic is counted as synthetic, and makes no user known")
    func marked() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.answer(name: "s"))
            let port = try await harness.route(["s": (100, [stable.port])], routing: .stickyHeader("x-user"))
            let client = try RawClient(port: port)
            for value in ["true", "TRUE", "false", "1"] {
                let answer = try await client.request(fields: ["X-Mlctl-Synthetic: \(value)", "x-user: \(value)"])
                #expect(answer.body.lowercased().contains("x-mlctl-synthetic: \(value.lowercased())\n"))
            }
            let report = try await harness.instance("s-0")
            #expect(report.counters.synthetic?.requests == 2)
            #expect(report.counters.requests == 2)
            _ = try await client.request(fields: ["x-user: true"])
            #expect(try await harness.instance("s-0").counters.requests == 3)
        }
    }
}
