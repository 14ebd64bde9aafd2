import ModelManifests
import Serving

/// How many instances each side may have now.
///
/// `surge`: both have all of theirs. `drainThenLoad`: together never more than `replicas`, those that are still on their
/// way out included, so one is stopped before the other is started. With one replica, or with strategy `recreate`, that
/// means a gap: stable leaves before the candidate comes.
struct Capacity: Equatable, Sendable {
    let replicas: Int
    /// Of the candidate, where somebody else scales it.
    let scaledReplicas: Int?
    let room: Rollout.Room
    let stage: Stage?
    let hasStable: Bool
    let keepsOld: Bool
    let stable: Seen
    let candidate: Seen

    /// Instances of one side.
    struct Seen: Equatable, Sendable {
        /// Whatever takes up room.
        var present = 0
        var ready = 0
    }

    init(_ state: RolloutState, observed: Observation) {
        func seen(_ revision: Revision?) -> Seen {
            guard let revision else { return Seen() }
            return Seen(
                present: observed.instances.count { $0.revision == revision }, ready: observed.ready(revision))
        }
        let rollout = state.settings.rollout
        let candidate = state.rollout?.candidate.revision
        let isExternal = state.settings.scaling == .external
        let ofStable = isExternal ? state.stable.flatMap { observed.wantedReplicas[$0.revision] } : nil
        // Whoever scales stable has said how many it takes.
        replicas = ofStable ?? state.settings.replicas
        scaledReplicas = isExternal ? candidate.flatMap { observed.wantedReplicas[$0] } : nil
        hasStable = state.stable != nil
        room = state.rollout?.room ?? Rollout.Room(state.settings)
        keepsOld = rollout.probation != nil && room != .recreate && state.rollout?.purpose == .release
        stage = state.rollout?.stage
        stable = seen(state.stable?.revision)
        self.candidate = seen(candidate)
    }

    private var isPlain: Bool { room == .surge || !hasStable }
    private var isRecreating: Bool { room == .recreate }

    private var leastStable: Int { isRecreating ? 0 : max(replicas - 1, 1) }

    /// Stable's, while a rollout is under way.
    var stableReplicas: Int {
        if isPlain { return replicas }
        switch stage {
        // What the candidate has, or is still on its way out with, is not free.
        case .rollingBack: return min(replicas, max(replicas - candidate.present, min(stable.present, leastStable)))
        case .promoting, .probation: return keepsOld ? 1 : 0
        case .preparing, .stepping, nil: return leastStable
        }
    }

    var candidateReplicas: Int {
        if case .rollingBack(let back) = stage, !isPlain || room != .surge {
            // What answers alone stays until stable can.
            return back.weight > 0 && room == .drain ? min(candidate.ready, max(replicas - 1, 1)) : 0
        }
        if isPlain { return replicas }
        // What stable has, or is still on its way out with, is not free.
        let room = replicas - max(stable.present, stableReplicas)
        let wanted = isTakingOver || isRecreating ? replicas - stableReplicas : 1
        return min(wanted, max(room, min(candidate.present, wanted)))
    }

    private var isTakingOver: Bool {
        switch stage {
        case .promoting, .probation: true
        case .preparing, .stepping, .rollingBack, nil: false
        }
    }

    /// As many as make the candidate available now.
    var candidateNeeded: Int {
        if isPlain || isRecreating { return scaledReplicas ?? replicas }
        return isTakingOver ? max(candidateReplicas, 1) : 1
    }

    var isCandidateReady: Bool { candidate.ready >= candidateNeeded }

    /// The candidate has all the instances that it is to have when stable is gone.
    var isPromoted: Bool {
        candidate.ready >= (isPlain ? scaledReplicas ?? replicas : replicas - stableReplicas)
    }

    /// Stable has its room again, and serves where it had to leave.
    var isStableBack: Bool {
        isPlain || (candidate.present == 0 && stable.ready > 0)
    }

    /// Nobody can answer: stable has left, and the candidate is not there yet.
    var isGap: Bool {
        guard isRecreating, hasStable else { return false }
        switch stage {
        case .preparing, .stepping: return true
        case .promoting, .probation, .rollingBack, nil: return false
        }
    }
}
