import ControlPorts
import Controller
import Foundation
import ModelManifests
import Serving

/// A model of an outcome store. The journal's test suite checks it too.
package actor InMemoryOutcomeStore: OutcomeStore {
    private struct Key: Hashable {
        var deployment: DeploymentKey
        var request: RequestIdentity
        var label: String
    }

    private var values: [Key: Double] = [:]

    package init() {}

    package func record(_ outcomes: [VerifiedOutcome], of deployment: DeploymentKey) -> OutcomeReceipt {
        var receipt = OutcomeReceipt()
        for outcome in outcomes {
            let revision = outcome.request.revision
            let label = outcome.reported.label
            let known = Set(
                values.keys.filter { $0.deployment == deployment && $0.request.revision == revision }.map(\.label))
            guard known.contains(label) || known.count < OutcomeLimits.labels else {
                receipt = receipt + OutcomeReceipt(refusals: [.init(outcome.reported, "too many labels")])
                continue
            }
            let key = Key(deployment: deployment, request: outcome.request, label: label)
            if values[key] == nil {
                values[key] = outcome.reported.value
                receipt.accepted += 1
            } else {
                receipt.repeated += 1
            }
        }
        return receipt
    }

    package func totals(
        of deployment: DeploymentKey, revisions: [Revision], labels: [String], since: Date?
    ) -> [Reading] {
        let firstMinute = since.map { Int(($0.timeIntervalSince1970 / 60).rounded(.up)) } ?? 0
        return revisions.map { revision in
            var totals: [String: (count: Int, sum: Double)] = [:]
            for (key, value) in values
            where key.deployment == deployment && key.request.revision == revision
                && Int(key.request.atSeconds) / 60 >= firstMinute
            {
                totals[key.label, default: (0, 0)].count += 1
                totals[key.label, default: (0, 0)].sum += value
            }
            return .outcomes(of: revision, totals, labels: labels)
        }
    }
}
