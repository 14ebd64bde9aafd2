import Foundation
import ModelManifests
import Rollouts
import Synchronization

/// A copy of the quarantines beside the journal, so that a damaged or lost journal does not let a bad revision back in.
///
/// It is only read for a deployment that has no record.
final class QuarantineFile: Sendable {
    private struct Row: Codable {
        var namespace: String
        var name: String
        var quarantined: [Quarantine]
    }

    private let path: String
    private let rows: Mutex<[DeploymentKey: [Quarantine]]>

    init(path: String) {
        self.path = path
        let read = FileManager.default.contents(atPath: path).flatMap {
            try? JSONDecoder().decode([Row].self, from: $0)
        }
        rows = Mutex(
            Dictionary((read ?? []).map { (DeploymentKey(namespace: $0.namespace, name: $0.name), $0.quarantined) }) {
                $1
            })
    }

    func quarantine(of deployment: DeploymentKey) -> [Quarantine]? { rows.withLock { $0[deployment] } }

    /// - Parameter quarantined: nil if nothing is left of the deployment.
    /// - Throws: if the file cannot be written. The copy in memory is updated all the same.
    func note(_ quarantined: [Quarantine]?, of deployment: DeploymentKey) throws {
        try rows.withLock { rows in
            guard rows[deployment] != quarantined else { return }
            rows[deployment] = quarantined
            let sorted = rows.sorted { $0.key < $1.key }
                .map { Row(namespace: $0.key.namespace, name: $0.key.name, quarantined: $0.value) }
            try JSONEncoder().encode(sorted).write(to: URL(filePath: path), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }
    }
}
