import ModelManifests
import Serving

/// Measures the cost of instances on this machine: CPU and memory of their servers' process trees.
///
/// One scan of all processes is reused for `freshness`, so that many deployments measured at once share it.
package actor ProcessMeter {
    static let freshness = Duration.milliseconds(500)

    private let clock = ContinuousClock()
    private var table: (taken: ContinuousClock.Instant, processes: ProcessTable)?

    package init() {}

    package func costs(of servers: [MeasuredServer]) -> [ProcessCost] {
        guard !servers.isEmpty else { return [] }
        let processes = processes()
        return servers.compactMap { server in
            let group = ControlGroup.path(of: server.process.pid, instance: server.instance)
            return TreeUsage(server: server.process, in: processes, group: group).map {
                ProcessCost(
                    instance: server.instance, revision: server.revision,
                    server: "\(server.process.pid)-\(server.process.startTime)", isReady: server.isReady,
                    cpuSeconds: $0.cpuSeconds, memoryBytes: $0.memoryBytes)
            }
        }
    }

    private func processes() -> ProcessTable {
        if let table, clock.now - table.taken < Self.freshness { return table.processes }
        let processes = ProcessTable.now()
        table = (clock.now, processes)
        return processes
    }
}

/// An instance's server process, as input for `ProcessMeter`.
package struct MeasuredServer: Hashable, Sendable {
    var instance: String
    var revision: Revision
    var process: ProcessIdentity
    var isReady: Bool
}

extension LocalBackend {
    /// Running servers, as their keepers last reported them. Draining instances are left out.
    package func servers(of deployment: DeploymentKey) -> [MeasuredServer] {
        tracked(deployment).compactMap { instance in
            guard !instance.isLeaving, let status = instance.status, let server = status.server else { return nil }
            return MeasuredServer(
                instance: instance.spec.id, revision: instance.spec.revision, process: server,
                isReady: status.phase == .ready)
        }
    }
}
