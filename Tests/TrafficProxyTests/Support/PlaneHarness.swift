import Logging
import ModelManifests
import NIOCore
import NIOPosix
import Serving

@testable import TrafficProxy

/// A data plane on its own event loop, with one deployment at a port that the system chose.
final class PlaneHarness: Sendable {
    static let deployment = DeploymentKey(namespace: "test", name: "d")

    static let requestIdKey = RequestIdentityKey(low: 7, high: 11)

    let handle: DataPlaneHandle
    private let group: MultiThreadedEventLoopGroup

    init(limits: ProxyLimits = ProxyLimits(), seed: UInt64 = 1) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.group = group
        let loop = group.next()
        let plane = try await loop.submit {
            let plane = DataPlane(
                loop: loop, limits: limits, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                seed: seed, requestIdKey: Self.requestIdKey)
            plane.start()
            return NIOLoopBound(plane, eventLoop: loop)
        }.get()
        handle = DataPlaneHandle(loop: loop, plane: plane)
    }

    /// Runs the body with a data plane, and stops it however the body ends.
    static func run(
        limits: ProxyLimits = ProxyLimits(), _ body: (PlaneHarness) async throws -> Void
    ) async throws {
        let harness = try await PlaneHarness(limits: limits)
        let result: Result<Void, any Error>
        do {
            try await body(harness)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await harness.handle.stop().get()
        try await harness.group.shutdownGracefully()
        try result.get()
    }

    /// Applies routes of the one deployment. Each revision is `name: (weight, ports of its instances)`.
    @discardableResult
    func route(
        _ revisions: KeyValuePairs<String, (Int, [Int])>, routing: Routing = .random,
        timeout: Duration = .seconds(30), drain: Duration? = nil, streamDrain: Duration = .seconds(600),
        idempotent: Bool? = nil, generation: Int = 1
    ) async throws -> Int {
        let route = ProxyRoute(
            deployment: Self.deployment, port: 0, routing: routing, requestTimeout: timeout, drainTimeout: drain,
            streamTimeout: streamDrain,
            revisions: revisions.map { name, value in
                RevisionRoute(
                    revision: Revision(rawValue: name), weight: value.0,
                    upstreams: value.1.enumerated().map { Upstream(instance: "\(name)-\($0.offset)", port: $0.element) }
                )
            }, idempotent: idempotent)
        let report = try await handle.apply(ProxyRoutes(generation: generation, routes: [route])).get()
        guard let endpoint = report.endpoints.first, endpoint.listening else {
            throw ClientError(description: "not listening: \(report.endpoints)")
        }
        return endpoint.port
    }

    func report() async throws -> ProxyReport { try await handle.report().get() }

    func instance(_ id: String) async throws -> InstanceReport {
        guard let report = try await report().instances.first(where: { $0.instance == id }) else {
            throw ClientError(description: "no instance \(id)")
        }
        return report
    }

    /// Waits until the instance has this many requests in progress, or finished. Returns its last report in any case.
    func instance(_ id: String, inFlight: Int? = nil, requests: Int? = nil) async throws -> InstanceReport {
        try await eventually {
            try await self.instance(id)
        } until: { report in
            (inFlight ?? report.inFlight) == report.inFlight
                && (requests ?? report.counters.requests) == report.counters.requests
        }
    }
}

extension DataPlaneHandle {
    /// Applies routes without validation: port 0 is one that the system chooses.
    func apply(_ routes: ProxyRoutes) -> EventLoopFuture<ProxyReport> {
        apply(AcceptedRoutes(routes: routes), with: RouteMaterial())
    }
}

/// Polls until the condition holds, for 20 seconds at most. Returns the last value.
func eventually<Value>(
    _ look: () async throws -> Value, until condition: (Value) -> Bool
) async throws -> Value {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(20)
    while true {
        let value = try await look()
        if condition(value) || clock.now >= end { return value }
        try await Task.sleep(for: .milliseconds(5))
    }
}
