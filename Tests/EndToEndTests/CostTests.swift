import Commands
import ControlPorts
import Demo
import Foundation
import FoundationNetworking
import TestSupport
import Testing

/// The costs of versions, measured on real servers: Python processes with their own CPU and memory.
@Suite("Costs of versions", .serialized)
struct CostTests {
    private static let rollout = """
            steps: [{setWeight: 50}, {setWeight: 100}]
            gates:
            - {name: cpu, compare: {metric: cpuPerRequest, interval: 1s, initialDelay: 1s, failureLimit: 3}}
            - {name: memory, compare: {metric: memory, interval: 1s, initialDelay: 1s, failureLimit: 3}}
            - {name: leak, compare: {metric: leak, maxPerHour: 1Gi, interval: 500ms, initialDelay: 1s}}
        """

    /// Rolls `version` out over `thrifty-1` under load, until `isOver`.
    private func rollOut(
        _ version: String, rollout: String = rollout, until isOver: (DeploymentStatus) -> Bool,
        _ check: (Installation, DeploymentStatus) async throws -> Void
    ) async throws {
        try await withInstallation { installation in
            try installation.commit(["model.yaml": installation.manifest("thrifty-1", rollout: rollout)])
            try await installation.start()
            let serving = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            let load = SteadyLoad(ratePerSecond: 60)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let endpoint = try #require(serving.endpoint)
                group.addTask { try await load.run(against: endpoint) }
                defer { group.cancelAll() }
                try installation.commit(["model.yaml": installation.manifest(version, rollout: rollout)])
                try await installation.sync()
                let status = try await installation.wait("model", for: "the end of \(version)", until: isOver)
                try await check(installation, status)
            }
        }
    }

    @Test("a version that takes twice the CPU per request is rolled back")
    func burning() async throws {
        try await rollOut("burning-2", until: { $0.phase == .rolledBack }) { installation, status in
            let reason = status.quarantined.first?.reason ?? ""
            #expect(reason.hasPrefix("gate cpu failed: candidate"), "\(reason)")
            #expect(reason.contains("ms of CPU a request"), "\(reason)")
            #expect(status.stable?.version == "thrifty-1")
            print(reason)
        }
    }

    @Test("a version that keeps 1 MiB of each request is rolled back because of its leak")
    func leaking() async throws {
        let alone = """
                steps: [{setWeight: 50}, {setWeight: 100}]
                gates: [{name: leak, compare: {metric: leak, maxPerHour: 1Gi, interval: 500ms, initialDelay: 1s}}]
            """
        try await rollOut("leaking-2", rollout: alone, until: { $0.phase == .rolledBack }) { installation, status in
            let reason = status.quarantined.first?.reason ?? ""
            #expect(reason.hasPrefix("gate leak failed: memory grows by"), "\(reason)")
            print(reason)
        }
    }

    @Test("an equal version passes, and the costs of both are in the status, in explain and in the metrics")
    func equal() async throws {
        try await rollOut("thrifty-2", until: { $0.phase == .healthy && $0.stable?.version == "thrifty-2" }) {
            installation, status in
            let stable = try #require(status.stable)
            #expect((stable.cpuSeconds ?? 0) > 0.1 && (stable.memoryBytes ?? 0) > 4 << 20)
            #expect(status.quarantined.isEmpty)
            let events = try installation.mlctl("events", "model", "-n", "test")
            for gate in ["cpu", "memory", "leak"] {
                #expect(events.output.contains("gate \(gate) passed"), "\(events.output)")
            }
            let explained = try installation.mlctl("explain", "model", "-n", "test")
            #expect(explained.output.contains("s of CPU, "), "\(explained.output)")
            let metrics = try await #require(installation.client).metrics()
            #expect(metrics.contains(#"mlctl_revision_cpu_seconds_total{name="model""#))
            #expect(metrics.contains(#"mlctl_revision_memory_bytes{name="model""#))
        }
    }
}
