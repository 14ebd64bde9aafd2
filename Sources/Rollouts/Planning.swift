import Foundation
import ModelManifests
import Serving

/// From the state to the serving plan and the time of the next look.
extension DecisionPass {
    /// The interval while evidence arrives. It bounds the time from a verdict to its effect.
    static let judgingInterval: TimeInterval = 0.5
    /// The interval while instances load. The backend reports at once when they are ready or have failed.
    static let loadingInterval: TimeInterval = 5

    var capacity: Capacity { Capacity(state, observed: observed) }

    func plan() -> ServingPlan {
        var plan = ServingPlan(
            deployment: state.key, target: state.target, scaling: state.settings.scaling,
            endpoint: state.settings.endpoint)
        plan.isRemoved = state.isRemoved
        guard !state.isRemoved else { return plan }
        let capacity = capacity
        let candidateWeight = state.rollout?.weight ?? 0
        if let stable = state.stable {
            plan.revisions.append(
                RevisionPlan(
                    revision: stable.revision, template: stable.template,
                    replicas: state.rollout == nil ? capacity.replicas : capacity.stableReplicas,
                    weight: capacity.isGap ? 0 : 100 - candidateWeight))
        }
        if let rollout = state.rollout {
            plan.revisions.append(
                RevisionPlan(
                    revision: rollout.candidate.revision, template: rollout.candidate.template,
                    replicas: capacity.candidateReplicas, weight: candidateWeight,
                    keepsLogs: rollout.withdrawal?.quarantines ?? false, mirror: rollout.mirror,
                    preview: rollout.withdrawal == nil ? state.settings.rollout.preview : nil))
            if rollout.mirror > 0 { plan.comparison = state.settings.rollout.shadow }
        }
        return plan
    }

    /// - Returns: nil if nothing is expected to change.
    func nextLook() -> Date? {
        guard let rollout = state.rollout else { return nextLookAtRest }
        if rollout.phase == .preparing, !capacity.isCandidateReady {
            let left = (progressDeadline - rollout.progressSpent) / .seconds(1)
            return now.addingTimeInterval(max(Self.judgingInterval, min(Self.loadingInterval, left)))
        }
        return now.addingTimeInterval(Self.judgingInterval)
    }

    private var nextLookAtRest: Date? {
        let others = nextLookForService
        return rotationLookAt.map { at in others.map { min($0, at) } ?? at } ?? others
    }

    private var nextLookForService: Date? {
        if let shortage = state.shortage {
            return now.addingTimeInterval(shortage.isTold ? Self.loadingInterval : Self.judgingInterval)
        }
        if state.growth != nil { return now.addingTimeInterval(Self.loadingInterval) }
        if case .unpinned(let deployment, _, _) = inputs.desired, let awaited = state.awaited, !awaited.isOver {
            return max(awaited.endsAt(deployment.rollout), now.addingTimeInterval(Self.judgingInterval))
        }
        guard let postponed = state.postponed, postponed.revision == state.settings.template.revision else {
            return nil
        }
        return max(postponed.until, now.addingTimeInterval(Self.judgingInterval))
    }
}
