import ModelManifests
import Serving

/// How many instances each side may have now.
///
/// `surge`: both sides have all of theirs. `drainThenLoad`: both together never have more than `replicas`, including
/// instances that are still shutting down, so one stops before another starts. With one replica, or with strategy
/// `recreate`, there is a gap: stable stops before the candidate starts.
struct Capacity: Equatable, Sendable {
    let replicas: Int
    /// The candidate's number of instances, if an external autoscaler sets it.
    let scaledReplicas: Int?
    let room: Rollout.CapacityMode
    let stage: Stage?
    let hasStable: Bool
    let keepsOld: Bool
    let stable: Seen
    let candidate: Seen

    /// The instances of one side.
    struct Seen: Equatable, Sendable {
        /// All instances that take up capacity, ready or not.
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
        // An external autoscaler of stable has chosen how many instances the load needs.
        replicas = ofStable ?? state.settings.replicas
        scaledReplicas = isExternal ? candidate.flatMap { observed.wantedReplicas[$0] } : nil
        hasStable = state.stable != nil
        room = state.rollout?.room ?? Rollout.CapacityMode(state.settings)
        keepsOld = rollout.probation != nil && room != .recreate && state.rollout?.purpose == .release
        stage = state.rollout?.stage
        stable = seen(state.stable?.revision)
        self.candidate = seen(candidate)
    }

    private var isPlain: Bool { room == .surge || !hasStable }
    private var isRecreating: Bool { room == .recreate }

    private var leastStable: Int { isRecreating ? 0 : max(replicas - 1, 1) }

    /// Stable's instances while a rollout is in flight.
    var stableReplicas: Int {
        if isPlain { return replicas }
        switch stage {
        // Capacity that the candidate's instances still use, also while they shut down, is not free.
        case .rollingBack: return min(replicas, max(replicas - candidate.present, min(stable.present, leastStable)))
        case .promoting, .probation: return keepsOld ? 1 : 0
        case .preparing, .stepping, nil: return leastStable
        }
    }

    var candidateReplicas: Int {
        if case .rollingBack(let back) = stage, !isPlain || room != .surge {
            // Candidate instances that are the only ones to answer stay until stable is ready.
            return back.weight > 0 && room == .drain ? min(candidate.ready, max(replicas - 1, 1)) : 0
        }
        if isPlain { return replicas }
        // Capacity that stable's instances still use, also while they shut down, is not free.
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

    /// The number of ready instances that makes the candidate available now.
    var candidateNeeded: Int {
        if isPlain || isRecreating { return scaledReplicas ?? replicas }
        return isTakingOver ? max(candidateReplicas, 1) : 1
    }

    var isCandidateReady: Bool { candidate.ready >= candidateNeeded }

    /// The candidate has all the instances that it should have when stable is gone.
    var isPromoted: Bool {
        candidate.ready >= (isPlain ? scaledReplicas ?? replicas : replicas - stableReplicas)
    }

    /// Stable has its capacity again, and serves again if it had to stop.
    var isStableBack: Bool {
        isPlain || (candidate.present == 0 && stable.ready > 0)
    }

    /// No revision can answer: stable has stopped, and the candidate is not ready yet.
    var isGap: Bool {
        guard isRecreating, hasStable else { return false }
        switch stage {
        case .preparing, .stepping: return true
        case .promoting, .probation, .rollingBack, nil: return false
        }
    }
}
