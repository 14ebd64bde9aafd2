import Foundation
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct RoutingTests {
    @Test("of 1,000 requests each revision answers exactly its share")
    func weights() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["s": (95, [stable.port]), "c": (5, [candidate.port])])
            let client = try RawClient(port: port)
            for _ in 0..<1000 { _ = try await client.request() }
            #expect(try await stable.requests() == 950)
            #expect(try await candidate.requests() == 50)
            #expect(try await harness.instance("s-0").counters.requests == 950)
            #expect(try await harness.instance("c-0").counters.requests == 50)
        }
    }

    @Test("a block continues if only the instances change")
    func blockGoesOn() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["s": (80, [stable.port]), "c": (20, [candidate.port])])
            let client = try RawClient(port: port)
            for _ in 0..<500 { _ = try await client.request() }
            try await harness.route(
                ["s": (80, [stable.port, stable.port]), "c": (20, [candidate.port])], generation: 2)
            for _ in 0..<500 { _ = try await client.request() }
            #expect(try await candidate.requests() == 200)
        }
    }

    @Test("a user stays at a revision, and a growing weight only moves users towards the candidate")
    func sticky() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            var before: Set<String> = []
            for (generation, weight) in [10, 40, 100].enumerated() {
                let port = try await harness.route(
                    ["s": (100 - weight, [stable.port]), "c": (weight, [candidate.port])],
                    routing: .stickyHeader("X-User"), generation: generation)
                let client = try RawClient(port: port)
                var moved: Set<String> = []
                for user in 0..<50 {
                    let revisions = try await Set(
                        (0..<2).asyncMap { _ in
                            try await client.request(fields: ["x-user: u\(user)"]).field("x-mlctl-revision")
                        })
                    #expect(revisions.count == 1)
                    if revisions == ["c"] { moved.insert("u\(user)") }
                }
                #expect(moved.isSuperset(of: before))
                before = moved
            }
            #expect(before.count == 50)
        }
    }

    @Test("of a sticky user only the first request at each revision is evidence; all requests are traffic")
    func stickyEvidence() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["s": (100, [stable.port])], routing: .stickyCookie("uid"))
            let client = try RawClient(port: port)
            for user in 0..<10 {
                for _ in 0..<3 { _ = try await client.request(fields: ["cookie: a=b; uid=\(user); c=d"]) }
            }
            #expect(try await harness.instance("s-0").counters.requests == 10)
            let text = try await harness.handle.traffic().get().prometheusText()
            #expect(
                text.contains(
                    "mlctl_proxy_requests_total{namespace=\"test\",deployment=\"d\",revision=\"s\","
                        + "instance=\"s-0\"} 30\n"
                ))
            // A request without the key is routed and counted on its own.
            for _ in 0..<5 { _ = try await client.request() }
            #expect(try await harness.instance("s-0").counters.requests == 15)
        }
    }

    @Test("a route that is closed or has no instance answers 503 with a reason, and opens at once")
    func unavailable() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["r": (0, [upstream.port])]))
            let closed = try await client.request(body: "some body")
            #expect(closed.status == 503 && closed.field("retry-after") != nil)
            #expect(closed.field("x-mlctl-revision") == "none" && closed.field("x-request-id") != nil)
            #expect(closed.body.contains("test/d is not open"))
            try await harness.route(["r": (100, [])], generation: 2)
            #expect(try await client.request().body.contains("no instance of test/d"))
            try await harness.route(["r": (100, [upstream.port])], generation: 3)
            #expect(try await client.request().status == 200)
        }
    }

    @Test("if the chosen revision has no listed instance, another one with a share answers")
    func noInstance() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["s": (50, [stable.port]), "c": (50, [])]))
            for _ in 0..<20 { #expect(try await client.request().field("x-mlctl-revision") == "s") }
        }
    }

    @Test("routes change under load without a lost or broken request")
    func swapUnderLoad() async throws {
        try await PlaneHarness.run { harness in
            let upstreams = [
                try await ScriptedUpstream(.answer(name: "0")), try await ScriptedUpstream(.answer(name: "1")),
                try await ScriptedUpstream(.answer(name: "2")),
            ]
            let ports = upstreams.map(\.port)
            let port = try await harness.route(["r0": (100, [ports[0]])])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let client = try RawClient(port: port)
                        for _ in 0..<300 {
                            let answer = try await client.request()
                            #expect(answer.status == 200)
                            // The answer comes from the revision that it names.
                            let revision = answer.field("x-mlctl-revision") ?? "?"
                            #expect(revision == "r" + answer.body.prefix(1))
                        }
                    }
                }
                group.addTask {
                    for generation in 0..<200 {
                        let next = generation % 3
                        let other = (generation + 1) % 3
                        try await harness.route(
                            ["r\(next)": (50, [ports[next]]), "r\(other)": (50, [ports[other]])], generation: generation
                        )
                    }
                }
                try await group.waitForAll()
            }
            let report = try await harness.report()
            #expect(report.instances.reduce(0) { $0 + $1.counters.requests } == 1200)
            #expect(report.instances.allSatisfy { $0.counters.errors == 0 && $0.inFlight == 0 })
        }
    }

    @Test("a request in progress finishes at an instance that left the routes")
    func finishes() async throws {
        try await PlaneHarness.run { harness in
            let old = try await ScriptedUpstream(.events)
            let new = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["a": (100, [old.port])])
            let client = try RawClient(port: port)
            try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            _ = try await client.read(until: "\r\n\r\n")
            try await harness.route(["b": (100, [new.port])], generation: 2)
            #expect(try await RawClient(port: port).request().field("x-mlctl-revision") == "b")
            #expect(try await harness.instance("a-0").inFlight == 1)
            try await old.stream("end", ends: true)
            #expect(try await client.read(until: "0\r\n\r\n") == "3\r\nend\r\n0\r\n\r\n")
            #expect(try await harness.instance("a-0", inFlight: 0).counters.requests == 1)
            #expect(try await client.request().field("x-mlctl-revision") == "b")
        }
    }

    @Test("a removed endpoint accepts no connections, closes idle ones, and lets requests finish")
    func removed() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.events)
            let port = try await harness.route(["r": (100, [upstream.port])])
            let (resting, busy) = (try RawClient(port: port), try RawClient(port: port))
            try await busy.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            _ = try await busy.read(until: "\r\n\r\n")
            _ = try await harness.handle.apply(ProxyRoutes(generation: 2)).get()
            #expect(try await resting.readToEnd() == "")
            try await upstream.stream("end", ends: true)
            #expect(try await busy.readToEnd() == "3\r\nend\r\n0\r\n\r\n")
            #expect(throws: ClientError.self) { try RawClient(port: port) }
            #expect(try await harness.report().endpoints.isEmpty)
        }
    }

    @Test("a port in use is reported and opened once it is free; the others serve meanwhile")
    func portInUse() async throws {
        var limits = ProxyLimits()
        limits.bindRetryMin = .milliseconds(10)
        limits.bindRetryMax = .milliseconds(50)
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let revisions = [
                RevisionRoute(
                    revision: Revision(rawValue: "r"), weight: 100,
                    upstreams: [Upstream(instance: "i", port: upstream.port)])
            ]
            let taken = DeploymentKey(namespace: "test", name: "taken")
            let port = try await HeldPort.withDeafListener { port in
                let report = try await harness.handle.apply(
                    ProxyRoutes(routes: [
                        ProxyRoute(deployment: taken, port: port, revisions: revisions),
                        ProxyRoute(deployment: PlaneHarness.deployment, port: 0, revisions: revisions),
                    ])
                ).get()
                let failed = try #require(report.endpoints.first { $0.deployment == taken })
                #expect(!failed.listening)
                #expect(failed.error?.contains("\(port)") == true && failed.error?.contains("in use") == true)
                let other = try #require(report.endpoints.first { $0.deployment == PlaneHarness.deployment })
                #expect(try await RawClient(port: other.port).request().status == 200)
                return port
            }
            let report = try await eventually {
                try await harness.report()
            } until: {
                $0.endpoints.allSatisfy(\.listening)
            }
            #expect(report.endpoints.allSatisfy { $0.listening && $0.error == nil })
            #expect(try await RawClient(port: port).request().status == 200)
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
