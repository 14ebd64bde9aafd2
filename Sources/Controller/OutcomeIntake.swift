import Foundation
import ModelManifests
import Rollouts
import Serving

/// What a controller needs in order to take outcomes.
public struct OutcomeIntake: Sendable {
    public var store: any OutcomeStore
    /// The secret of the data plane's request ids; nil while there is none: nothing has been answered yet.
    public var key: @Sendable () -> RequestIdentityKey?

    public init(store: any OutcomeStore, key: @escaping @Sendable () -> RequestIdentityKey?) {
        self.store = store
        self.key = key
    }
}

extension Controller {
    public nonisolated func report(_ outcomes: [ReportedOutcome]) async throws -> OutcomeReceipt {
        guard let intake = with.outcomes else {
            throw ControlError(.unavailable, "this controller keeps no outcomes")
        }
        guard let key = intake.key() else {
            throw ControlError(.unavailable, "no request has got an id yet: the proxy makes its key when it starts")
        }
        let revisions = Set(outcomes.compactMap { RequestIdentity(unverified: $0.requestId)?.revision })
        let verification = OutcomeVerification(
            key: key, deployments: await deployments(with: revisions), now: with.now())
        let sorted = verification.sort(outcomes)
        var receipt = OutcomeReceipt(refusals: sorted.refused)
        for (deployment, outcomes) in sorted.outcomes.sorted(by: { $0.key < $1.key }) {
            receipt = receipt + (try await intake.store.record(outcomes, of: deployment))
        }
        return receipt
    }

    /// Who serves one of `revisions`, tries it, or did.
    private func deployments(with revisions: Set<Revision>) -> [Revision: [DeploymentKey]] {
        var found: [Revision: [DeploymentKey]] = [:]
        for (key, entry) in entries {
            for revision in Set(entry.state?.revisions ?? []) where revisions.contains(revision) {
                found[revision, default: []].append(key)
            }
        }
        return found
    }
}

extension RolloutState {
    /// Those that serve, are on their way, or are in the history.
    public var revisions: [Revision] {
        [stable?.revision, rollout?.candidate.revision].compactMap(\.self) + history.map(\.deployed.revision)
    }
}
