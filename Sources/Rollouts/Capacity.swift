import ModelManifests
import Serving

/// How many instances each side may have now.
///
/// `surge`: both have all of theirs. `drainThenLoad`: together never more than `replicas`, those that are still on their
/// way out included, so one is stopped before the other is started. With one replica, or with strategy `recreate`, that
/// means a gap: stable leaves before the candidate comes.
struct Capacity: Equatable, Sendable {
    let replicas: Int
    let room: Rollout.Room
    let phase: Phase
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
        replicas = state.settings.replicas
        hasStable = state.stable != nil
        room = state.rollout?.room ?? Rollout.Room(state.settings)
        keepsOld = rollout.probation != nil && room != .recreate && state.rollout?.purpose == .release
        phase = state.phase
        stable = seen(state.stable?.revision)
        candidate = seen(state.rollout?.candidate.revision)
    }

    private var isPlain: Bool { room == .surge || !hasStable }
    private var isRecreating: Bool { room == .recreate }

    private var leastStable: Int { isRecreating ? 0 : max(replicas - 1, 1) }

    /// Stable's, while a rollout is under way.
    var stableReplicas: Int {
        if isPlain { return replicas }
        switch phase {
        case .rollingBack: return max(replicas - candidate.present, leastStable)
        case .promoting, .probation: return keepsOld ? 1 : 0
        case .idle, .preparing, .progressing, .paused, .healthy, .rolledBack, .failed:
            return leastStable
        }
    }

    var candidateReplicas: Int {
        if isPlain { return phase == .rollingBack && room != .surge ? 0 : replicas }
        if phase == .rollingBack { return 0 }
        // What stable has, or is still on its way out with, is not free.
        let room = replicas - max(stable.present, stableReplicas)
        let wanted = phase == .promoting || phase == .probation || isRecreating ? replicas - stableReplicas : 1
        return min(wanted, max(room, min(candidate.present, wanted)))
    }

    var isCandidateReady: Bool {
        let wanted = isPlain || isRecreating ? replicas : 1
        return candidate.ready >= wanted
    }

    /// The candidate has all the instances that it is to have.
    var isPromoted: Bool { isPlain || candidate.ready >= replicas - stableReplicas }

    /// Stable has its room again, and serves where it had to leave.
    var isStableBack: Bool {
        isPlain || (candidate.present == 0 && (!isRecreating || stable.ready > 0))
    }

    /// Nobody can answer: stable has left, and the candidate is not there yet.
    var isGap: Bool {
        guard isRecreating, hasStable else { return false }
        switch phase {
        case .preparing, .progressing, .paused: return true
        case .idle, .promoting, .probation, .healthy, .rollingBack, .rolledBack, .failed: return false
        }
    }
}
