import ControlPorts
import Foundation
import ModelManifests
import Rollouts

extension Notice {
    /// A rollback notice with every field set; 2026-11-20T09:30:00.250Z.
    static func rolledBack(id: Int = 42) -> Notice {
        let key = DeploymentKey(namespace: "payments", name: "fraud")
        let event = RolloutEvent(
            at: Date(timeIntervalSince1970: 1_795_167_000.25), kind: .rolledBack,
            revision: Revision(rawValue: "0123456789"), version: "3", commit: "c0ffee", message: "rolled back: errors",
            evidence: [GateSummary(name: "errors", verdict: "fail", samples: 120, reason: "0.2 > 0.01")])
        return Notice(kind: .rolledBack, deployment: key, event: StoredEvent(id: id, deployment: key, event: event))
    }
}
