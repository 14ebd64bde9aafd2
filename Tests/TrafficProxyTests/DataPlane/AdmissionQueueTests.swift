import Foundation
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite("Limited concurrency per instance, and a queue of limited length")
struct AdmissionQueueTests {
    /// Each revision is `name: (weight, ports of its instances)`.
    private func route(
        _ harness: PlaneHarness, _ revisions: KeyValuePairs<String, (Int, [Int])>, _ limit: ConcurrencyLimit?,
        generation: Int = 1
    ) async throws -> Int {
        let route = ProxyRoute(
            deployment: PlaneHarness.deployment, port: 0,
            revisions: revisions.map { name, value in
                RevisionRoute(
                    revision: Revision(rawValue: name), weight: value.0,
                    upstreams: value.1.enumerated().map { Upstream(instance: "\(name)-\($0.offset)", port: $0.element) }
                )
            }, concurrency: limit)
        let report = try await harness.handle.apply(ProxyRoutes(generation: generation, routes: [route])).get()
        return try #require(report.endpoints.first).port
    }

    /// The first revision's queue, once `waiting` requests wait. After a time-out, whatever was seen last.
    private func queue(_ harness: PlaneHarness, waiting: Int? = nil) async throws -> QueueReport {
        try await eventually {
            try #require(try await harness.report().routes?.first?.queues?.first)
        } until: { report in
            report.waiting == waiting ?? report.waiting
        }
    }

    /// The number of requests at the instance, once it is `count`. After a time-out, whatever was seen last.
    private func requests(_ upstream: ScriptedUpstream, _ count: Int) async throws -> Int {
        try await eventually {
            try await upstream.requests()
        } until: {
            $0 == count
        }
    }

    private static let get = "GET / HTTP/1.1\r\nhost: h\r\n\r\n"

    @Test("requests over the limit wait, those over the queue's depth get 503 at once, and no revision is blamed")
    func bounded() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.held)
            let port = try await route(harness, ["r": (100, [upstream.port])], .init(perInstance: 2, queueDepth: 3))
            let clients = try (0..<5).map { _ in try RawClient(port: port) }
            for client in clients { try await client.send(Self.get) }
            #expect(
                try await queue(harness, waiting: 3)
                    == QueueReport(
                        revision: Revision(rawValue: "r"), waiting: 3, refused: 0))
            #expect(try await harness.instance("r-0", inFlight: 2).inFlight == 2)
            let late = try RawClient(port: port)
            let refused = try await late.request()
            #expect(refused.status == 503 && refused.field("retry-after") == "1")
            #expect(refused.body.contains("maxConcurrency"))
            var answered = 0
            while answered < 5 {
                let wanted = min(5, answered + 2)
                let sent = try await requests(upstream, wanted)
                #expect(sent == wanted)
                try await upstream.answerHeld()
                answered = sent
            }
            for client in clients { #expect(try await client.answer().status == 200) }
            let counters = try await harness.instance("r-0", requests: 5).counters
            #expect(counters.requests == 5 && counters.errors == 0 && counters.abandoned.isEmpty)
            #expect(try await harness.report().unavailable.isEmpty)
            #expect(try await queue(harness).refused == 1)
            #expect(try await harness.report().routes?.first?.refusedConnections == 1)
            let metrics = try await harness.metrics()
            #expect(
                metrics.contains("mlctl_proxy_queued_requests{namespace=\"test\",deployment=\"d\",revision=\"r\"} 0\n"))
            #expect(
                metrics.contains(
                    "mlctl_proxy_queue_refused_total{namespace=\"test\",deployment=\"d\",revision=\"r\"} 1\n"))
        }
    }

    @Test("a request that waits too long gets 503, and the wait is not part of an instance's latency")
    func waits() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.held)
            let port = try await route(
                harness, ["r": (100, [upstream.port])], .init(perInstance: 1, queueTimeout: .milliseconds(300)))
            let first = try RawClient(port: port)
            try await first.send(Self.get)
            _ = try await harness.instance("r-0", inFlight: 1)
            let impatient = try RawClient(port: port)
            let answer = try await impatient.request()
            #expect(answer.status == 503 && answer.field("retry-after") == "1")
            #expect(answer.body.contains("queue.timeout"))
            #expect(try await queue(harness).waiting == 0)
            _ = try await route(harness, ["r": (100, [upstream.port])], .init(perInstance: 1), generation: 2)
            let second = try RawClient(port: port)
            try await second.send(Self.get)
            _ = try await queue(harness, waiting: 1)
            try await Task.sleep(for: .milliseconds(1600))
            #expect(try await requests(upstream, 1) == 1)
            try await upstream.answerHeld()
            #expect(try await first.answer().status == 200)
            _ = try await requests(upstream, 2)
            try await upstream.answerHeld()
            #expect(try await second.answer().status == 200)
            let counters = try await harness.instance("r-0", requests: 2).counters
            let slow = zip(counters.bounds, counters.latency).first { $0.0 >= 1.25 }?.1
            #expect(slow == 1, "the first took 1.6 s at least, and the second waited outside: \(counters.latency)")
        }
    }

    @Test("a client that gives up leaves the queue, and the requests behind it move up")
    func leaves() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.held)
            let port = try await route(harness, ["r": (100, [upstream.port])], .init(perInstance: 1, queueDepth: 2))
            let clients = try (0..<3).map { _ in try RawClient(port: port) }
            try await clients[0].send(Self.get)
            _ = try await harness.instance("r-0", inFlight: 1)
            try await clients[1].send(Self.get)
            _ = try await queue(harness, waiting: 1)
            try await clients[2].send(Self.get)
            _ = try await queue(harness, waiting: 2)
            try await clients[1].reset()
            #expect(try await queue(harness, waiting: 1).waiting == 1)
            #expect(try await requests(upstream, 1) == 1)
            try await upstream.answerHeld()
            _ = try await requests(upstream, 2)
            try await upstream.answerHeld()
            #expect(try await clients[2].answer().status == 200)
            let counters = try await harness.instance("r-0", requests: 2).counters
            #expect(counters.requests == 2 && counters.abandoned.isEmpty)
        }
    }

    @Test("no request waits while an instance has room, and no instance exceeds its limit")
    func fair() async throws {
        try await PlaneHarness.run { harness in
            var upstreams: [ScriptedUpstream] = []
            for _ in 0..<3 { upstreams.append(try await ScriptedUpstream(.held)) }
            let port = try await route(
                harness, ["r": (100, upstreams.map(\.port))], .init(perInstance: 2, queueDepth: 10))
            let clients = try (0..<8).map { _ in try RawClient(port: port) }
            for client in clients { try await client.send(Self.get) }
            #expect(try await queue(harness, waiting: 2).waiting == 2)
            for index in 0..<3 { #expect(try await harness.instance("r-\(index)", inFlight: 2).inFlight == 2) }
            // The next free instance takes them.
            _ = try await requests(upstreams[1], 2)
            try await upstreams[1].answerHeld()
            #expect(try await queue(harness, waiting: 0).waiting == 0)
            #expect(try await requests(upstreams[1], 4) == 4)
            for index in [0, 2] { #expect(try await requests(upstreams[index], 2) == 2) }
            for upstream in upstreams { try await upstream.answerHeld() }
            for client in clients { #expect(try await client.answer().status == 200) }
        }
    }

    @Test("an ejected instance has room because it fails: requests wait for the other instances")
    func outOfRotation() async throws {
        var limits = ProxyLimits()
        limits.ejectionTimeMin = .seconds(60)
        limits.ejectionTimeMax = .seconds(60)
        try await PlaneHarness.run(limits: limits) { harness in
            let alive = try await ScriptedUpstream(.held)
            let dead = try HeldPort.refusing()
            let port = try await route(
                harness, ["r": (100, [dead, alive.port])], .init(perInstance: 1, queueDepth: 20))
            let clients = try (0..<10).map { _ in try RawClient(port: port) }
            for client in clients { try await client.send(Self.get) }
            // Requests that got the dead instance first were retried at another.
            #expect(try await queue(harness, waiting: 9).waiting == 9)
            for count in 1...10 {
                #expect(try await requests(alive, count) == count)
                try await alive.answerHeld()
            }
            for client in clients { #expect(try await client.answer().status == 200) }
            #expect(try await harness.instance("r-0").counters.requests <= 1)
        }
    }

    @Test(
        "new routes: a larger limit admits at once, no limit admits all, a removed revision refuses all"
    )
    func swaps() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.held)
            let revisions: KeyValuePairs = ["r": (100, [upstream.port])]
            let port = try await route(harness, revisions, .init(perInstance: 1))
            let clients = try (0..<5).map { _ in try RawClient(port: port) }
            for client in clients { try await client.send(Self.get) }
            _ = try await queue(harness, waiting: 4)
            _ = try await route(harness, revisions, .init(perInstance: 3), generation: 2)
            #expect(try await queue(harness).waiting == 2)
            _ = try await route(harness, revisions, nil, generation: 3)
            #expect(try await harness.instance("r-0", inFlight: 5).inFlight == 5)
            #expect(try await requests(upstream, 5) == 5)
            try await upstream.answerHeld()
            for client in clients { #expect(try await client.answer().status == 200) }

            _ = try await route(harness, revisions, .init(perInstance: 1), generation: 4)
            for client in clients.prefix(2) { try await client.send(Self.get) }
            _ = try await queue(harness, waiting: 1)
            let other = try await ScriptedUpstream(.status(200))
            _ = try await route(harness, ["o": (100, [other.port])], .init(perInstance: 1), generation: 5)
            #expect(try await requests(upstream, 6) == 6)
            try await upstream.answerHeld()
            var statuses: [Int] = []
            for client in clients.prefix(2) { statuses.append(try await client.answer().status) }
            #expect(statuses.sorted() == [200, 503])
            #expect(try await clients[0].request().field("x-mlctl-revision") == "o")
        }
    }

    @Test("the queue of a revision that hangs does not delay another revision's requests")
    func apart() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.held)
            let port = try await route(
                harness, ["s": (50, [stable.port]), "c": (50, [candidate.port])], .init(perInstance: 1, queueDepth: 600)
            )
            var clients: [RawClient] = []
            for _ in 0..<100 {
                let client = try RawClient(port: port)
                try await client.send(Self.get)
                clients.append(client)
            }
            // Blocks of a thousand are split exactly in half, but a part of a hundred is not.
            let answered = try await eventually {
                let report = try await harness.report()
                let waiting = report.routes?.first?.queues?.first { $0.revision.rawValue == "c" }?.waiting ?? 0
                let answered = report.instances.first { $0.instance == "s-0" }?.counters.requests ?? 0
                return (count: answered, isAll: answered + waiting + 1 == 100)
            } until: {
                $0.isAll
            }
            #expect(answered.isAll && answered.count > 20)
            #expect(try await harness.report().instances.allSatisfy { $0.counters.errors == 0 })
        }
    }

    @Test("copies for shadows and recorded requests neither wait nor take a place in the queue")
    func ownRequests() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let shadow = try await ScriptedUpstream(.held)
            let route = ProxyRoute(
                deployment: PlaneHarness.deployment, port: 0,
                revisions: [
                    RevisionRoute(
                        revision: Revision(rawValue: "s"), weight: 100,
                        upstreams: [Upstream(instance: "s-0", port: stable.port)]),
                    RevisionRoute(
                        revision: Revision(rawValue: "c"), weight: 0,
                        upstreams: [Upstream(instance: "c-0", port: shadow.port)], mirror: 100),
                ], concurrency: ConcurrencyLimit(perInstance: 2))
            let report = try await harness.handle.apply(ProxyRoutes(generation: 1, routes: [route])).get()
            let client = try RawClient(port: try #require(report.endpoints.first).port)
            for _ in 0..<6 { #expect(try await client.request().status == 200) }
            #expect(try await harness.instance("c-0", inFlight: 2).inFlight == 2)
            let dropped = try await harness.counters(of: "c-0") { $0.pairs?.dropped == 4 }
            #expect(dropped.pairs?.dropped == 4)
        }
    }
}
