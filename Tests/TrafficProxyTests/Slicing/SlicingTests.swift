import JSON
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite("Slices of the traffic")
struct SlicingTests {
    private static let country = TrafficSlice(
        name: "country", key: .header("X-Country"), values: .listed(["DE", "FR"]))
    private static let plan = TrafficSlice(
        name: "plan", key: .path(JSONPath("parameters.plan") ?? JSONPath(steps: [])), values: .listed(["free", "1"]))

    /// - Returns: the port.
    private func route(
        _ harness: PlaneHarness, _ slices: [TrafficSlice], stable: Int, candidate: Int? = nil,
        routing: Routing = .random, mirror: Int = 0, generation: Int = 1
    ) async throws -> Int {
        var revisions = [
            RevisionRoute(
                revision: Revision(rawValue: "s"), weight: 100, upstreams: [Upstream(instance: "s-0", port: stable)])
        ]
        if let candidate {
            revisions.append(
                RevisionRoute(
                    revision: Revision(rawValue: "c"), weight: 0,
                    upstreams: [Upstream(instance: "c-0", port: candidate)], mirror: mirror))
        }
        let route = ProxyRoute(
            deployment: PlaneHarness.deployment, port: 0, routing: routing, revisions: revisions, slices: slices)
        let report = try await harness.handle.apply(ProxyRoutes(generation: generation, routes: [route])).get()
        return report.endpoints.first?.port ?? 0
    }

    private func slices(_ harness: PlaneHarness, of instance: String = "s-0") async throws -> [String: SliceCounters] {
        try await harness.instance(instance).counters.slices ?? [:]
    }

    private func requests(_ harness: PlaneHarness) async throws -> [String: Int] {
        try await slices(harness).mapValues(\.requests)
    }

    @Test("are distinguished by a header: listed values, and all others together")
    func header() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(500))
            let port = try await route(harness, [Self.country], stable: upstream.port, candidate: upstream.port)
            #expect(try await requests(harness) == ["country=DE": 0, "country=FR": 0, "country=other": 0])
            let client = try RawClient(port: port)
            let long = String(repeating: "D", count: 5_000)
            for value in ["DE", "DE", "de", "IT", "DE, FR", "", long] {
                _ = try await client.request(fields: ["x-country: \(value)"])
            }
            _ = try await client.request()
            let found = try await slices(harness)
            #expect(found.mapValues(\.requests) == ["country=DE": 2, "country=FR": 0, "country=other": 6])
            #expect(found["country=DE"]?.errors == 2)
            #expect(found["country=other"]?.errorsTogether ?? 0 >= 6)
            #expect(try await slices(harness, of: "c-0").mapValues(\.requests).values.reduce(0, +) == 0)
        }
    }

    @Test("copies are in the same slices as their requests, by header and by body")
    func copies() async throws {
        try await PlaneHarness.run { harness in
            let (stable, shadow) = (try await ScriptedUpstream(.status(200)), try await ScriptedUpstream(.status(500)))
            let port = try await route(
                harness, [Self.country, Self.plan], stable: stable.port, candidate: shadow.port, mirror: 100)
            let client = try RawClient(port: port)
            _ = try await client.request(
                fields: ["x-country: DE"], body: #"{"parameters": {"plan": "free"}}"#)
            _ = try await client.request(fields: ["x-country: IT"])
            let found = try await eventually {
                try await slices(harness, of: "c-0")
            } until: {
                $0["country=DE"]?.errors == 1 && $0["country=other"]?.errors == 1
            }
            #expect(found["country=DE"]?.errors == 1 && found["country=other"]?.errors == 1)
            #expect(found["plan=free"]?.errors == 1 && found["plan=other"]?.errors == 1)
            #expect(try await requests(harness)["country=DE"] == 1)
        }
    }

    @Test("are distinguished by a path in the request's JSON, chunked or not")
    func body() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(404))
            let port = try await route(harness, [Self.plan], stable: upstream.port, candidate: upstream.port)
            let client = try RawClient(port: port)
            let bodies = [
                #"{"parameters": {"plan": "free"}}"#, #"{"parameters": {"plan": 1}}"#,
                #"{"parameters": {"plan": null}}"#,
                #"{"parameters": {}}"#, "no JSON", "",
                #"{"parameters": {"plan": "free"}, "data": ""# + String(repeating: "x", count: 100_000) + #""}"#,
            ]
            for body in bodies { _ = try await client.request(body: body) }
            let chunked = #"{"parameters": {"plan": "free"}}"#
            try await client.send(
                "POST /infer HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\(chunked.prefix(5))\r\n"
                    + "\(String(chunked.count - 5, radix: 16))\r\n\(chunked.dropFirst(5))\r\n0\r\n\r\n")
            _ = try await client.answer()
            let found = try await slices(harness)
            #expect(found.mapValues(\.requests) == ["plan=free": 2, "plan=1": 1, "plan=other": 5])
            #expect(found["plan=free"]?.rejected == 2)
        }
    }

    @Test("the most frequent values come from the first requests with a second revision, and stay")
    func top() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let slice = TrafficSlice(name: "country", key: .header("x-country"), values: .top(2))
            let alone = try RawClient(port: try await route(harness, [slice], stable: upstream.port))
            for _ in 0..<3 { _ = try await alone.request(fields: ["x-country: XX"]) }
            #expect(try await harness.instance("s-0").counters.slices == nil)
            let port = try await route(
                harness, [slice], stable: upstream.port, candidate: upstream.port, generation: 2)
            let client = try RawClient(port: port)
            #expect(try await slices(harness) == [:])
            for index in 0..<SliceTable.requestsToChoose {
                let value = ["DE", "FR", "DE", "IT", "DE", "FR", "other", "\u{1}", "XX"][index % 9]
                _ = try await client.request(fields: ["x-country: \(value == "\u{1}" ? "" : value)"])
            }
            #expect(try await requests(harness) == ["country=DE": 0, "country=FR": 0, "country=other": 0])
            for value in ["DE", "FR", "IT", "IT", "XX"] {
                _ = try await client.request(fields: ["x-country: \(value)"])
            }
            // A route update keeps them, but the end of the rollout does not.
            _ = try await route(harness, [slice], stable: upstream.port, candidate: upstream.port, generation: 3)
            _ = try await client.request(fields: ["x-country: DE"])
            #expect(try await requests(harness) == ["country=DE": 2, "country=FR": 1, "country=other": 3])
            _ = try await route(harness, [slice], stable: upstream.port, generation: 4)
            #expect(try await harness.instance("s-0").counters.slices == nil)
        }
    }

    @Test("record how long requests took, and which clients gave up")
    func latency() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.hang)
            let port = try await route(harness, [Self.country], stable: upstream.port, candidate: upstream.port)
            do {
                let client = try RawClient(port: port)
                try await client.send("GET / HTTP/1.1\r\nhost: test\r\nx-country: DE\r\n\r\n")
                _ = try await harness.instance("s-0", inFlight: 1)
            }
            let left = try await harness.instance("s-0", inFlight: 0).counters
            let found = left.slices?["country=DE"]
            #expect(found?.requests == 0)
            #expect(found?.buckets.map(\.abandoned) == [1])
            #expect(left.abandonedTotal <= 1)
        }
    }

    @Test("are not counted with sticky users, where the unit is the user")
    func sticky() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try await route(
                harness, [Self.country], stable: upstream.port, candidate: upstream.port,
                routing: .stickyHeader("x-user"))
            _ = try await RawClient(port: port).request(fields: ["x-country: DE", "x-user: a"])
            #expect(try await harness.instance("s-0").counters.slices == nil)
        }
    }

    @Test(
        "invalid slices are refused, and the rest of the route is followed",
        arguments: [
            [country, country],
            [TrafficSlice(name: "a", key: .header("x a"), values: .top(1))],
            [TrafficSlice(name: "A", key: .header("x"), values: .top(1))],
            [TrafficSlice(name: "a", key: .header("x"), values: .top(25))],
            [TrafficSlice(name: "a", key: .header("x"), values: .top(0))],
            [TrafficSlice(name: "a", key: .header("x"), values: .listed(["\u{1b}[2J"]))],
        ])
    func validation(slices: [TrafficSlice]) {
        var route = ProxyRoute(deployment: PlaneHarness.deployment, port: 9000)
        route.slices = slices
        let accepted = RoutesValidation.accept(ProxyRoutes(generation: 1, routes: [route]), limits: ProxyLimits())
        #expect(accepted.routes.routes.map(\.slices) == [nil])
        #expect(accepted.refusals.count == 1)
    }
}
