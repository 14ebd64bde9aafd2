import ControlPorts
import ModelManifests

/// The cost of a deployment's revisions, in words.
package enum CostDescription {
    /// For example `version 2: 41.2 s of CPU, 181 MiB resident; version 3: …`; nil where nothing is measured.
    package static func line(_ status: DeploymentStatus) -> String? {
        let parts = [status.stable, status.candidate].compactMap(\.self).compactMap { revision -> String? in
            guard let cpu = revision.cpuSeconds, let memory = revision.memoryBytes else { return nil }
            return "version \(revision.version): \(tenths(cpu)) s of CPU, \(bytes(memory)) resident"
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// 1234567 → `1.2 MiB`.
    package static func bytes(_ bytes: Int) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"]
        guard bytes >= 1024 else { return "\(bytes) B" }
        var value = Double(bytes) / 1024
        var unit = 0
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\(tenths(value)) \(units[unit])"
    }

    private static func tenths(_ value: Double) -> String {
        let rounded = (value * 10).rounded() / 10
        return Int(exactly: rounded).map(String.init) ?? "\(rounded)"
    }
}
