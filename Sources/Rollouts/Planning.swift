import Foundation
import ModelManifests
import Serving

/// From the state to what is to be served, and when to look again.
extension DecisionPass {
    /// While evidence comes in: what bounds the time from a verdict to its effect.
    static let judgingInterval: TimeInterval = 0.5

    func plan() -> ServingPlan {
        var plan = ServingPlan(deployment: state.key, endpoint: state.settings.endpoint)
        guard !state.isRemoved else { return plan }
        let replicas = state.settings.replicas
        let candidateWeight = state.rollout?.weight ?? 0
        if let stable = state.stable {
            plan.revisions.append(
                RevisionPlan(
                    revision: stable.revision, template: stable.template, replicas: replicas,
                    weight: 100 - candidateWeight))
        }
        if let rollout = state.rollout {
            plan.revisions.append(
                RevisionPlan(
                    revision: rollout.candidate.revision, template: rollout.candidate.template, replicas: replicas,
                    weight: candidateWeight, keepsLogs: rollout.withdrawal?.quarantines ?? false))
        }
        return plan
    }

    /// - Returns: nil at rest.
    func nextLook() -> Date? {
        state.rollout == nil ? nil : now.addingTimeInterval(Self.judgingInterval)
    }
}
