import JSON
import ModelManifests
import Serving

@testable import TrafficProxy

extension PlaneHarness {
    /// An observation for a test's route.
    static func observation(
        _ name: String, of subject: PredictionObservation.Subject = .answer, path: String = "y",
        edges: [Double] = [0.5], sample: Double = 1
    ) -> PredictionObservation {
        PredictionObservation(
            name: name, subject: subject, path: JSONPath(path) ?? JSONPath(steps: []), buckets: .edges(edges),
            sample: sample)
    }

    /// Routes to stable and, if it is mirrored, to a shadow: instances `s-0` and `m-0`.
    @discardableResult
    func route(
        stable: Int, shadow: Int? = nil, mirror: Int = 100, observe: [PredictionObservation] = [],
        comparison: ShadowComparison = ShadowComparison(), routing: Routing = .random,
        timeout: Duration = .seconds(30), generation: Int = 1
    ) async throws -> Int {
        var revisions = [
            RevisionRoute(
                revision: Revision(rawValue: "s"), weight: 100, upstreams: [Upstream(instance: "s-0", port: stable)])
        ]
        if let shadow {
            revisions.append(
                RevisionRoute(
                    revision: Revision(rawValue: "m"), weight: 0, upstreams: [Upstream(instance: "m-0", port: shadow)],
                    mirror: mirror))
        }
        let route = ProxyRoute(
            deployment: Self.deployment, port: 0, routing: routing, requestTimeout: timeout, revisions: revisions,
            observe: observe, comparison: comparison)
        let report = try await handle.apply(ProxyRoutes(generation: generation, routes: [route])).get()
        guard let endpoint = report.endpoints.first, endpoint.listening else {
            throw ClientError(description: "not listening: \(report.endpoints)")
        }
        return endpoint.port
    }

    /// Waits until the instance's counters satisfy the condition. Returns the last ones.
    func counters(of id: String, until condition: (RequestCounters) -> Bool) async throws -> RequestCounters {
        try await eventually {
            try await instance(id).counters
        } until: {
            condition($0)
        }
    }

    /// Waits until nothing is copied any more. Returns the bytes that still are.
    func copiedBytes() async throws -> Int {
        try await eventually {
            try await handle.loop.submit { [handle] in handle.plane.value.copyBudget.bytes }.get()
        } until: {
            $0 == 0
        }
    }

    func metrics() async throws -> String { try await handle.traffic().get().prometheusText() }
}
