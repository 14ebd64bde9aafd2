import Foundation
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite("Endpoints that move between ports")
struct ListenerTests {
    private static let quickRetries: ProxyLimits = {
        var limits = ProxyLimits()
        limits.bindRetryMin = .milliseconds(10)
        limits.bindRetryMax = .milliseconds(50)
        return limits
    }()

    private static func key(_ name: String) -> DeploymentKey { DeploymentKey(namespace: "test", name: name) }

    /// A deployment with one revision of the same name.
    private static func route(_ name: String, port: Int, upstream: Int, weight: Int = 100) -> ProxyRoute {
        ProxyRoute(
            deployment: key(name), port: port,
            revisions: [
                RevisionRoute(
                    revision: Revision(rawValue: name), weight: weight,
                    upstreams: [Upstream(instance: name, port: upstream)])
            ])
    }

    /// Applies routes like the control socket, one set after the other.
    private final class Follower {
        let harness: PlaneHarness
        var last = AcceptedRoutes(routes: ProxyRoutes())

        init(_ harness: PlaneHarness) { self.harness = harness }

        func apply(_ routes: [ProxyRoute]) async throws -> ProxyReport {
            last = RoutesValidation.accept(ProxyRoutes(routes: routes), following: last, limits: ProxyLimits())
            return try await harness.handle.apply(last, with: RouteMaterial()).get()
        }
    }

    private func endpoint(_ name: String, in report: ProxyReport) -> EndpointReport? {
        report.endpoints.first { $0.deployment == Self.key(name) }
    }

    private func answers(at port: Int) async throws -> String? {
        try await RawClient(port: port).request().field("x-mlctl-revision")
    }

    /// Sends requests on new connections repeatedly while the body runs. A refused connection throws.
    private func askingAlways(
        at ports: [Int], allowed: Set<String>, _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            let (stops, stop) = AsyncStream.makeStream(of: Void.self)
            for port in ports {
                group.addTask {
                    var count = 0
                    while !Task.isCancelled {
                        let answer = try await RawClient(port: port).request()
                        #expect(answer.status == 200)
                        #expect(allowed.contains(answer.field("x-mlctl-revision") ?? "?"))
                        count += 1
                    }
                    return count
                }
            }
            group.addTask {
                for await _ in stops {}
                return 1
            }
            try await body()
            stop.finish()
            group.cancelAll()
            while let count = try await group.next() { #expect(count > 0) }
        }
    }

    @Test("if the new port is taken the old one stays, with the reason; the endpoint moves once the port is free")
    func taken() async throws {
        try await PlaneHarness.run(limits: Self.quickRetries) { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let follower = Follower(harness)
            let old = try HeldPort.refusing()
            _ = try await follower.apply([Self.route("a", port: old, upstream: upstream.port)])
            let new = try await HeldPort.withDeafListener { new in
                let report = try await follower.apply([Self.route("a", port: new, upstream: upstream.port)])
                let seen = try #require(endpoint("a", in: report))
                #expect(seen.listening && seen.port == old)
                #expect(seen.error?.contains("\(new)") == true && seen.error?.contains("in use") == true)
                #expect(try await answers(at: old) == "a")
                return new
            }
            let report = try await eventually {
                try await harness.report()
            } until: {
                $0.endpoints.first?.port == new
            }
            #expect(report.endpoints == [EndpointReport(deployment: Self.key("a"), port: new, listening: true)])
            #expect(try await answers(at: new) == "a")
            #expect(throws: ClientError.self) { try RawClient(port: old) }
        }
    }

    @Test("two endpoints swap ports, three rotate theirs, and no connection is refused meanwhile")
    func ring() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let follower = Follower(harness)
            let ports = try (0..<3).map { _ in try HeldPort.refusing() }
            func routes(_ places: [Int]) -> [ProxyRoute] {
                zip(["a", "b", "c"], places).map { Self.route($0, port: ports[$1], upstream: upstream.port) }
            }
            _ = try await follower.apply(routes([0, 1, 2]))
            try await askingAlways(at: ports, allowed: ["a", "b", "c"]) {
                for places in [[1, 0, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2], [0, 1, 2]] {
                    let report = try await follower.apply(routes(places))
                    #expect(report.refused.isEmpty && report.endpoints.allSatisfy { $0.listening && $0.error == nil })
                    for (name, place) in zip(["a", "b", "c"], places) {
                        #expect(try await answers(at: ports[place]) == name)
                    }
                }
            }
        }
    }

    @Test("a removed deployment passes its port to its successor without a gap")
    func renamed() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let follower = Follower(harness)
            let port = try HeldPort.refusing()
            _ = try await follower.apply([Self.route("old", port: port, upstream: upstream.port)])
            try await askingAlways(at: [port], allowed: ["old", "new"]) {
                for name in ["new", "old", "new"] {
                    _ = try await follower.apply([Self.route(name, port: port, upstream: upstream.port)])
                    #expect(try await answers(at: port) == name)
                }
            }
        }
    }

    @Test("a port is passed on only when its owner has its new one; then the whole chain moves")
    func chain() async throws {
        try await PlaneHarness.run(limits: Self.quickRetries) { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let follower = Follower(harness)
            let ports = try (0..<2).map { _ in try HeldPort.refusing() }
            _ = try await follower.apply([
                Self.route("a", port: ports[0], upstream: upstream.port),
                Self.route("b", port: ports[1], upstream: upstream.port),
            ])
            let new = try await HeldPort.withDeafListener { new in
                let report = try await follower.apply([
                    Self.route("a", port: new, upstream: upstream.port),
                    Self.route("b", port: ports[0], upstream: upstream.port),
                ])
                #expect(endpoint("b", in: report)?.port == ports[1])
                #expect(endpoint("b", in: report)?.error?.contains("still used by test/a") == true)
                #expect(try await answers(at: ports[0]) == "a")
                #expect(try await answers(at: ports[1]) == "b")
                return new
            }
            let report = try await eventually {
                try await harness.report()
            } until: {
                $0.endpoints.allSatisfy { $0.error == nil }
            }
            #expect(report.endpoints.map(\.port) == [new, ports[0]])
            #expect(try await answers(at: new) == "a")
            #expect(try await answers(at: ports[0]) == "b")
        }
    }

    @Test("one deployment's bad port does not stop others: a candidate still loses its traffic")
    func badPort() async throws {
        try await PlaneHarness.run { harness in
            let good = try await ScriptedUpstream(.status(200))
            let bad = try await ScriptedUpstream(.status(500))
            let follower = Follower(harness)
            let port = try HeldPort.refusing()
            func route(candidate weight: Int, port: Int) -> ProxyRoute {
                ProxyRoute(
                    deployment: Self.key("a"), port: port,
                    revisions: [("s", 100 - weight, good.port), ("c", weight, bad.port)].map { name, weight, port in
                        RevisionRoute(
                            revision: Revision(rawValue: name), weight: weight,
                            upstreams: [Upstream(instance: name, port: port)])
                    })
            }
            _ = try await follower.apply([route(candidate: 50, port: port)])
            // First another team's endpoint at an instance's port, then this route's new port at one, with a weight of 0.
            for (others, own) in [(good.port, port), (good.port, bad.port)] {
                let report = try await follower.apply([
                    Self.route("b", port: others, upstream: good.port), route(candidate: 0, port: own),
                ])
                #expect(
                    report.refused.first { $0.deployment == Self.key("b") }?.reasons.first?.contains(
                        "would call itself") == true)
                let other = try #require(endpoint("b", in: report))
                #expect(!other.listening && other.port == good.port && other.error?.contains("instance") == true)
                let seen = try #require(endpoint("a", in: report))
                #expect(seen.listening && seen.port == port && (seen.error == nil) == (own == port))
                let client = try RawClient(port: port)
                for _ in 0..<20 { #expect(try await client.request().status == 200) }
                #expect(report.routes?.first?.shares.map(\.percent) == [100, 0])
            }
        }
    }
}
