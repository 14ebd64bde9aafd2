import ControlPorts
import ModelManifests
import Rollouts

/// Resources in words.
package enum CapacityText {
    /// - Parameters:
    ///   - stable: the revision that serves now; it stays loaded while a new revision is evaluated.
    ///   - starts: whether a new revision is loaded.
    ///   - knowsStable: false where the controller was not asked, so a revision may serve.
    package static func most(
        of deployment: ModelDeployment, beside stable: RevisionLoad?, starts: Bool, knowsStable: Bool
    ) -> String {
        let own = deployment.template.resources
        let replicas = deployment.replicas
        guard starts else { return text(instances: replicas, of: [(replicas, own)]) }
        guard deployment.overlapsRevisions else {
            return text(instances: replicas, of: [(replicas, own)]) + "; the old revision stops first"
        }
        if let stable {
            return text(instances: replicas * 2, of: [(replicas, own), (replicas, stable.resources)])
                + " while both revisions are loaded"
        }
        if knowsStable { return text(instances: replicas, of: [(replicas, own)]) }
        return text(instances: replicas, of: [(replicas, own)]) + ", plus the revision that serves now"
    }

    private static func text(instances: Int, of loads: [(replicas: Int, resources: Resources)]) -> String {
        var parts: [String] = []
        let cpu = loads.compactMap { load in load.resources.cpuLimitMillicores.map { $0 * load.replicas } }
        if !cpu.isEmpty { parts.append("\(decimal(Double(cpu.reduce(0, +)) / 1000)) CPU") }
        let memory = loads.compactMap { load in load.resources.memoryLimitBytes.map { $0 * Int64(load.replicas) } }
        if !memory.isEmpty { parts.append("\(decimal(Double(memory.reduce(0, +)) / 1_073_741_824)) GiB of memory") }
        for name in Set(loads.flatMap { $0.resources.extended.keys }).sorted() {
            parts.append("\(loads.reduce(0) { $0 + ($1.resources.extended[name] ?? 0) * $1.replicas }) \(name)")
        }
        let isPartial = parts.isEmpty ? " (without resource limits)" : ": \(parts.joined(separator: ", "))"
        return "\(instances) \(instances == 1 ? "instance" : "instances")\(isPartial)"
    }

    /// At most two digits after the point; trailing zeros are left out.
    private static func decimal(_ value: Double) -> String {
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
}
