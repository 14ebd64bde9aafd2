import Demo
import Foundation
import JSON
import LocalServing
import MetricSources
import ModelManifests
import Serving
import Testing

@testable import Commands

@Suite("Evidence from a cluster's proxies", .serialized, .timeLimit(.minutes(10)))
struct ClusterEvidenceTests {
    private let old = ServingNamespace.old
    private let new = ServingNamespace.new

    /// A loopback address that nothing else uses.
    private static var ownAddress: String {
        "127.\(Int.random(in: 1...250)).\(Int.random(in: 1...250)).\(Int.random(in: 2...250))"
    }

    @Test("predictions, shadow pairs and recorded requests are counted and read as on one machine")
    func evidence() async throws {
        let namespace = try ServingNamespace()
        let (stable, candidate) = (try ServingPod("stable"), try ServingPod("candidate"))
        defer {
            stable.process.stop()
            candidate.process.stop()
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-model-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("{\"x\": 1}\n".utf8).write(to: folder.appending(path: "recorded.jsonl"))
        let address = Self.ownAddress
        let companion = PodCompanion(
            PodCompanion.Configuration(
                folder: folder.path(percentEncoded: false), serverPort: candidate.port, recordings: "recorded.jsonl",
                address: address))
        let attending = Task { try await companion.run() }
        defer { attending.cancel() }

        let score = try #require(JSONPath("score"))
        try await namespace.route([(old, 100), (new, 0)]) { route in
            route.revisions[1].mirror = 100
            route.observe = [PredictionObservation(name: "score", path: score, buckets: .edges([0.5]))]
            route.generate = SyntheticRoute(ratePerSecond: 40, file: "recorded.jsonl", path: "/predict")
        }
        try await namespace.endpoints(old, of: stable)
        try await namespace.endpoints(new, of: candidate, address: address)
        let counters = ClusterProxyCounters { _ in
            [ProxyPod(name: "proxy-a", address: "127.0.0.1:\(namespace.controlPort)")]
        }
        func counted(_ revision: Revision) async throws -> RequestCounters? {
            try await counters.readings(for: ServingNamespace.deployment).first { $0.revision == revision }?.counters
        }
        let load = SteadyLoad(ratePerSecond: 40, workers: 4)
        try await namespace.serving(under: load) {
            try await ServingNamespace.wait("predictions of the old revision") {
                try await counted(old)?.observed["score"]?.first ?? 0 > 10
            }
            try await ServingNamespace.wait("pairs of the shadow") { try await counted(new)?.pairs?.pairs ?? 0 > 10 }
            try await ServingNamespace.wait("recorded requests at both") {
                let (first, second) = (try await counted(old)?.synthetic, try await counted(new)?.synthetic)
                return first?.requests ?? 0 > 10 && second?.requests ?? 0 > 10
            }
            let shadow = try #require(try await counted(new))
            #expect(shadow.synthetic?.errors == 0)
            #expect(await counters.traffic(of: ServingNamespace.deployment, isAtRest: false).problems == [])

            // For another candidate the recordings are missing: the proxy reports it.
            try FileManager.default.removeItem(at: folder.appending(path: "recorded.jsonl"))
            let next = Revision(rawValue: "cccccccccc")
            try await namespace.route([(old, 100), (next, 0)]) {
                $0.generate = SyntheticRoute(ratePerSecond: 40, file: "recorded.jsonl", path: "/predict")
            }
            try await namespace.endpoints(next, of: candidate, address: address)
            try await ServingNamespace.wait("a problem") {
                await counters.traffic(of: ServingNamespace.deployment, isAtRest: false).problems.count == 1
            }
        }
    }
}
