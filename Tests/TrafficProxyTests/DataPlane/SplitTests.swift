import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite("How requests are split, and their fate")
struct SplitTests {
    private func split(_ harness: PlaneHarness, _ name: String) async throws -> SplitCounters {
        try #require(try await harness.report().splits.first { $0.revision.rawValue == name }).counters
    }

    /// The counters once `count` requests are settled. After a time-out, whatever was seen last.
    private func settled(_ harness: PlaneHarness, _ name: String, _ count: Int) async throws -> SplitCounters {
        try await eventually {
            try await split(harness, name)
        } until: {
            $0.ended + $0.givenUp + $0.turnedAway + $0.lost == count
        }
    }

    @Test("each user request is drawn once by the weights, whoever answers and however it ends")
    func drawn() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(500))
            let port = try await harness.route(["s": (75, [stable.port]), "c": (25, [candidate.port])])
            let client = try RawClient(port: port)
            for _ in 0..<1000 { _ = try await client.request() }
            #expect(try await split(harness, "s") == SplitCounters(drawn: 750, ended: 750))
            #expect(try await split(harness, "c") == SplitCounters(drawn: 250, ended: 250))
            // Even if another revision answers, the request was drawn for the one without an instance.
            try await harness.route(["s": (75, [stable.port]), "c": (25, [])], generation: 2)
            for _ in 0..<1000 { _ = try await client.request() }
            #expect(try await split(harness, "s") == SplitCounters(drawn: 1500, ended: 1500))
            #expect(try await split(harness, "c") == SplitCounters(drawn: 500, ended: 250))
        }
    }

    @Test("recorded requests, and those that a header assigns, are not drawn")
    func notDrawn() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let client = try RawClient(
                port: try await harness.route(["s": (50, [upstream.port]), "c": (50, [upstream.port])]))
            for _ in 0..<20 { _ = try await client.request(fields: ["x-mlctl-synthetic: true"]) }
            try await harness.route(
                ["s": (95, [upstream.port]), "c": (5, [upstream.port])], routing: .matchHeader("x-group", value: "b"),
                generation: 2)
            for _ in 0..<20 { _ = try await client.request(fields: ["x-group: b"]) }
            #expect(try await split(harness, "s") == SplitCounters())
            #expect(try await split(harness, "c") == SplitCounters())
        }
    }

    @Test("a client that gives up, one that disconnects, and one that is refused are counted separately")
    func fates() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.hang)
            let port = try await harness.route(["r": (100, [upstream.port])])
            let impatient = try RawClient(port: port)
            try await impatient.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            _ = try await harness.instance("r-0", inFlight: 1)
            #expect(try await split(harness, "r") == SplitCounters(drawn: 1), "under way")
            try await impatient.reset()
            #expect(try await settled(harness, "r", 1) == SplitCounters(drawn: 1, givenUp: 1))
            let broken = try RawClient(port: port)
            try await broken.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nsome")
            _ = try await harness.instance("r-0", inFlight: 1)
            try await broken.reset()
            #expect(try await settled(harness, "r", 2) == SplitCounters(drawn: 2, givenUp: 1, lost: 1))
        }
    }

    @Test("a request that a full queue refuses is drawn, and not missing")
    func turnedAway() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.hang)
            let route = ProxyRoute(
                deployment: PlaneHarness.deployment, port: 0,
                revisions: [
                    RevisionRoute(
                        revision: Revision(rawValue: "r"), weight: 100,
                        upstreams: [Upstream(instance: "r-0", port: upstream.port)])
                ], concurrency: ConcurrencyLimit(perInstance: 1, queueDepth: 0))
            let report = try await harness.handle.apply(ProxyRoutes(generation: 1, routes: [route])).get()
            let port = try #require(report.endpoints.first).port
            let first = try RawClient(port: port)
            try await first.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            _ = try await harness.instance("r-0", inFlight: 1)
            #expect(try await RawClient(port: port).request().status == 503)
            #expect(try await split(harness, "r") == SplitCounters(drawn: 2, turnedAway: 1))
        }
    }

    @Test("on a sticky route each new user is drawn once, and later requests or moves are not drawn again")
    func sticky() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let routing = Routing.stickyHeader("x-user")
            let client = try RawClient(
                port: try await harness.route(
                    ["s": (90, [upstream.port]), "c": (10, [upstream.port])], routing: routing))
            func drawn() async throws -> [Int] {
                [try await split(harness, "s").drawn, try await split(harness, "c").drawn]
            }
            for _ in 0..<3 { for user in 0..<100 { _ = try await client.request(fields: ["x-user: u\(user)"]) } }
            let first = try await drawn()
            #expect(first.reduce(0, +) == 100 && first[1] > 0 && first[1] < 30)
            try await harness.route(
                ["s": (40, [upstream.port]), "c": (60, [upstream.port])], routing: routing, generation: 2)
            for user in 0..<100 { _ = try await client.request(fields: ["x-user: u\(user)"]) }
            #expect(try await drawn() == first, "those who moved are not new")
            for user in 100..<200 { _ = try await client.request(fields: ["x-user: u\(user)"]) }
            let second = try await drawn()
            #expect(second.reduce(0, +) == 200 && second[1] - first[1] > 30)
        }
    }

    @Test("kept users of an A/B test were drawn by the weights that assigned them")
    func keptUsers() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            func route(_ weight: Int, generation: Int) async throws -> Int {
                let route = ProxyRoute(
                    deployment: PlaneHarness.deployment, port: 0, routing: .stickyHeader("x-user"),
                    revisions: [("s", 100 - weight), ("c", weight)].map {
                        RevisionRoute(
                            revision: Revision(rawValue: $0.0), weight: $0.1,
                            upstreams: [Upstream(instance: $0.0, port: upstream.port)])
                    }, keepsUsers: true)
                let report = try await harness.handle.apply(ProxyRoutes(generation: generation, routes: [route])).get()
                return try #require(report.endpoints.first).port
            }
            let client = try RawClient(port: try await route(10, generation: 1))
            for user in 0..<100 { _ = try await client.request(fields: ["x-user: u\(user)"]) }
            _ = try await route(90, generation: 2)
            for user in 0..<200 { _ = try await client.request(fields: ["x-user: u\(user)"]) }
            let (stable, candidate) = (try await split(harness, "s"), try await split(harness, "c"))
            #expect((195...200).contains(stable.drawn + candidate.drawn), "the filter takes under 1 % for known")
            #expect(candidate.drawn > 80 && stable.drawn > 80)
        }
    }
}
