import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite("Requests that a revision could not take")
struct UnavailableTests {
    private func unavailable(_ harness: PlaneHarness) async throws -> [String: Int] {
        let reports = try await harness.report().unavailable
        #expect(reports.allSatisfy { $0.deployment == PlaneHarness.deployment })
        return Dictionary(uniqueKeysWithValues: reports.map { ($0.revision.rawValue, $0.requests) })
    }

    private func shares(_ harness: PlaneHarness) async throws -> [Int] {
        try await harness.report().routes?.first?.shares.map(\.percent) ?? []
    }

    @Test("are served by another revision, and counted exactly for the revision they were drawn for")
    func weights() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["s": (75, [stable.port]), "c": (25, [])]))
            for _ in 0..<1000 {
                let answer = try await client.request()
                #expect(answer.status == 200 && answer.field("x-mlctl-revision") == "s")
            }
            #expect(try await unavailable(harness) == ["c": 250])
            #expect(try await harness.instance("s-0").counters.requests == 1000)
            #expect(try await shares(harness) == [100, 0])
            let metrics = try await harness.metrics()
            #expect(
                metrics.contains(
                    "mlctl_proxy_unavailable_requests_total{namespace=\"test\",deployment=\"d\",revision=\"c\"} 250\n"))
            #expect(metrics.contains("revision=\"s\"} 100\n"))
        }
    }

    @Test("are counted across route updates, and stop once there is an instance")
    func swaps() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["s": (50, [stable.port]), "c": (50, [])]))
            for _ in 0..<1000 { _ = try await client.request() }
            try await harness.route(["s": (50, [stable.port]), "c": (50, [candidate.port])], generation: 2)
            for _ in 0..<1000 { _ = try await client.request() }
            #expect(try await unavailable(harness) == ["c": 500])
            #expect(try await shares(harness) == [50, 50])
            try await harness.route(["s": (100, [stable.port])], generation: 3)
            #expect(try await unavailable(harness) == ["c": 500])
        }
    }

    @Test("are counted even if nobody can serve them, and get 503")
    func nobody() async throws {
        try await PlaneHarness.run { harness in
            let client = try RawClient(port: try await harness.route(["s": (100, [])]))
            for _ in 0..<3 { #expect(try await client.request().status == 503) }
            #expect(try await unavailable(harness) == ["s": 3])
            #expect(try await harness.report().routes?.first?.refusedConnections == 3)
            // A closed route draws for nobody.
            try await harness.route(["s": (0, [])], generation: 2)
            #expect(try await client.request().status == 503)
            #expect(try await unavailable(harness) == ["s": 3])
            #expect(try await harness.report().routes?.first?.refusedConnections == 3)
        }
    }

    @Test("go to stable even if its weight is 0, and never to a candidate that has no weight yet")
    func withoutWeight() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["s": (0, [stable.port]), "c": (100, [])]))
            let answer = try await client.request()
            #expect(answer.status == 200 && answer.field("x-mlctl-revision") == "s")
            #expect(try await unavailable(harness) == ["c": 1])
            #expect(try await shares(harness) == [100, 0])
            try await harness.route(["s": (100, []), "c": (0, [stable.port])], generation: 2)
            #expect(try await client.request().status == 503)
            #expect(try await unavailable(harness) == ["c": 1, "s": 1])
        }
    }

    @Test("of one user all go to the same substitute, and count for the user's own revision")
    func sticky() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            let routing = Routing.stickyHeader("x-user")
            let port = try await harness.route(
                ["s": (50, [stable.port]), "c": (50, [candidate.port])], routing: routing)
            let client = try RawClient(port: port)
            func ofCandidate() async throws -> Int {
                var count = 0
                for user in 0..<60 {
                    let answer = try await client.request(fields: ["x-user: u\(user)"])
                    #expect(answer.status == 200)
                    if answer.field("x-mlctl-revision") == "c" { count += 1 }
                }
                return count
            }
            let before = try await ofCandidate()
            try await harness.route(["s": (50, [stable.port]), "c": (50, [])], routing: routing, generation: 2)
            #expect(try await ofCandidate() == 0)
            #expect(try await unavailable(harness) == ["c": before])
            try await harness.route(
                ["s": (50, [stable.port]), "c": (50, [candidate.port])], routing: routing, generation: 3)
            #expect(try await ofCandidate() == before)
        }
    }

    @Test("of a match count for the candidate, and are not evidence for the revision that serves them")
    func matched() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let client = try RawClient(
                port: try await harness.route(
                    ["s": (95, [stable.port]), "c": (5, [])], routing: .matchHeader("x-group", value: "b")))
            for _ in 0..<4 { #expect(try await client.request(fields: ["x-group: b"]).status == 200) }
            #expect(try await client.request().status == 200)
            #expect(try await unavailable(harness) == ["c": 4])
            #expect(try await harness.instance("s-0").counters.requests == 1)
        }
    }

    @Test("are counted for users only: neither recorded requests nor copies count")
    func notUsers() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["s": (50, [stable.port]), "c": (50, [])]))
            for _ in 0..<50 { _ = try await client.request(fields: ["x-mlctl-synthetic: true"]) }
            #expect(try await unavailable(harness).isEmpty)
            let route = ProxyRoute(
                deployment: PlaneHarness.deployment, port: 0,
                revisions: [
                    RevisionRoute(
                        revision: Revision(rawValue: "s"), weight: 100,
                        upstreams: [Upstream(instance: "s-0", port: stable.port)]),
                    RevisionRoute(revision: Revision(rawValue: "c"), weight: 0, mirror: 100),
                ])
            _ = try await harness.handle.apply(ProxyRoutes(generation: 2, routes: [route])).get()
            for _ in 0..<50 { _ = try await client.request() }
            #expect(try await unavailable(harness).isEmpty)
            #expect(try await harness.report().routes?.first?.shares.map(\.mirror) == [0, 0])
        }
    }
}
