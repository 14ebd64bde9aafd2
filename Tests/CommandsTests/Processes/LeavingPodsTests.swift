import Demo
import Serving
import Testing

@testable import Commands

@Suite("Pods removed from a cluster under load", .serialized, .timeLimit(.minutes(10)))
struct LeavingPodsTests {
    private let old = ServingNamespace.old
    private let new = ServingNamespace.new

    /// Stops the pod as a kubelet does after the drain time, at the earliest moment at which no request is lost.
    /// - Parameter generation: of the last routes that include the pod.
    private func end(_ pod: ServingPod, after generation: Int, _ namespace: ServingNamespace) async throws {
        try await ServingNamespace.wait("nothing under way at \(pod.name)") {
            let report = try await namespace.report()
            let inFlight = report.instances.first { $0.instance == pod.name }?.inFlight ?? 0
            return report.generation > generation && inFlight == 0
        }
        pod.process.stop()
    }

    @Test("scaling down and a promotion lose no request: routes are removed first, then the servers stop")
    func leaving() async throws {
        let namespace = try ServingNamespace()
        let pods = try ["one", "two", "three"].map { try ServingPod($0) }
        defer { for pod in pods { pod.process.stop() } }
        try await namespace.route([(old, 100)])
        try await namespace.endpoints(old, of: pods[0])
        try await namespace.endpoints(old, of: pods[1])
        let load = SteadyLoad(ratePerSecond: 100, workers: 8)
        try await namespace.serving(under: load) {
            try await ServingNamespace.wait("some load") { load.total > 50 }

            // Scale down by one replica.
            let full = try await namespace.report().generation
            try await namespace.endpoints(old, of: pods[1], leaving: true)
            try await end(pods[1], after: full, namespace)
            let afterScaling = load.total
            try await ServingNamespace.wait("more load") { load.total > afterScaling + 50 }

            // A promotion: the route changes first, then the old pods leave.
            try await namespace.endpoints(new, of: pods[2])
            try await namespace.route([(old, 0), (new, 100)])
            try await ServingNamespace.wait("the new revision") { load.byRevision[new.rawValue]?.requests ?? 0 > 20 }
            let beforePromotion = try await namespace.report().generation
            try await namespace.route([(new, 100)])
            try await namespace.endpoints(old, of: pods[0], leaving: true)
            try await end(pods[0], after: beforePromotion, namespace)
            let afterPromotion = load.total
            try await ServingNamespace.wait("more load") { load.total > afterPromotion + 50 }
        }
        #expect(load.broken == 0, "\(load.reasons)")
        #expect(load.errors == 0)
        #expect(Set(load.byRevision.keys) == [old.rawValue, new.rawValue])
    }
}
