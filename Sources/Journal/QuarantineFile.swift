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

    private struct Copy {
        var rows: [DeploymentKey: [Quarantine]]
        /// A write failed: the file is older than `rows`, and the next call writes it.
        var isFileStale = false
    }

    private let path: String
    private let copy: Mutex<Copy>

    init(path: String) {
        self.path = path
        let read = FileManager.default.contents(atPath: path).flatMap {
            try? JSONDecoder().decode([Row].self, from: $0)
        }
        let rows = Dictionary(
            (read ?? []).map { (DeploymentKey(namespace: $0.namespace, name: $0.name), $0.quarantined) }
        ) { $1 }
        copy = Mutex(Copy(rows: rows))
    }

    func quarantine(of deployment: DeploymentKey) -> [Quarantine]? { copy.withLock { $0.rows[deployment] } }

    /// - Parameter quarantined: nil if nothing is left of the deployment.
    /// - Throws: if the file cannot be written. The copy in memory is updated all the same, and the next call tries again.
    func note(_ quarantined: [Quarantine]?, of deployment: DeploymentKey) throws {
        try copy.withLock { copy in
            guard copy.isFileStale || copy.rows[deployment] != quarantined else { return }
            copy.rows[deployment] = quarantined
            copy.isFileStale = true
            let sorted = copy.rows.sorted { $0.key < $1.key }
                .map { Row(namespace: $0.key.namespace, name: $0.key.name, quarantined: $0.value) }
            try JSONEncoder().encode(sorted).write(to: URL(filePath: path), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            copy.isFileStale = false
        }
    }
}
