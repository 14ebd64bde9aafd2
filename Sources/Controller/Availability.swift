import Rollouts
import Serving

/// Whether what should serve does, as far as it is seen now. Pure.
enum Availability: Hashable, Sendable {
    case available
    /// - Parameter reason: a word for programs.
    case unavailable(reason: String, String)
    /// It has yet to be seen.
    case unknown(String)
    /// It cannot be seen any more, which does not mean that it is gone: all else is as it was last seen.
    case outOfSight(Blindness)

    static let notLookedAt = "it has not been looked at since the controller started"

    /// - Parameters:
    ///   - observed: as last seen in this term of the controller; nil where that has not been.
    ///   - blindness: why it cannot be seen any more; nil where it can.
    init(_ state: RolloutState, _ observed: Observation?, blindness: Blindness? = nil) {
        self = Self.of(state, observed, blindness: blindness)
    }

    private static func of(_ state: RolloutState, _ observed: Observation?, blindness: Blindness?) -> Availability {
        if state.isRemoved { return .unavailable(reason: "Removed", "its manifest was removed, and it is taken down") }
        guard state.stable != nil || state.rollout != nil else {
            return .unavailable(reason: "NothingServes", "nothing is deployed")
        }
        guard let observed else { return .unknown(notLookedAt) }
        if let blindness { return .outOfSight(blindness) }
        if let shortage = state.shortage { return .unavailable(reason: shortage.kind.word, shortage.reason) }
        if state.stable == nil { return first(state, observed) }
        return asSeen(state, observed)
    }

    /// Before the endpoint opens for the first time there is nothing to rely on.
    private static func first(_ state: RolloutState, _ observed: Observation) -> Availability {
        guard let rollout = state.rollout, rollout.withdrawal == nil else {
            return .unavailable(reason: "NothingServes", "nothing serves")
        }
        let version = rollout.candidate.version
        guard rollout.weight > 0, observed.endpoint != nil else {
            return .unavailable(
                reason: "FirstDeployment",
                "version \(version) is deployed for the first time: its endpoint is not open yet")
        }
        let (ready, wanted) = (
            observed.ready(rollout.candidate.revision), state.replicas(of: rollout.candidate, observed)
        )
        guard ready >= wanted else { return .tooFew(ready, wanted, version) }
        return .available
    }

    /// What was decided is a moment old, and may never have been written: what is seen now counts too.
    private static func asSeen(_ state: RolloutState, _ observed: Observation) -> Availability {
        guard let stable = state.stable else { return .available }
        let wanted = state.replicas(of: stable, observed)
        let share = 100 - (state.rollout?.weight ?? 0)
        let needed = state.rollout == nil ? min(wanted, state.growth?.from ?? wanted) : min(share, 1)
        let ready = observed.ready(stable.revision)
        guard ready >= needed else { return .tooFew(ready, needed, stable.version) }
        guard observed.endpoint != nil else {
            let why = observed.endpointProblem ?? "the data plane does not answer at it yet"
            return .unavailable(reason: Shortage.Kind.endpointClosed.word, "the endpoint is not open: \(why)")
        }
        return .available
    }

    private static func tooFew(_ ready: Int, _ needed: Int, _ version: String) -> Availability {
        .unavailable(
            reason: Shortage.Kind.tooFewInstances.word, "\(ready) of \(needed) instances of version \(version) ready")
    }

    /// Why it is not available, or why that is not known; nil where it is.
    var text: String? {
        switch self {
        case .available: nil
        case .unavailable(_, let text), .unknown(let text): text
        case .outOfSight(let blindness): blindness.text
        }
    }

    var isUnknown: Bool {
        switch self {
        case .unknown, .outOfSight: true
        case .available, .unavailable: false
        }
    }
}

extension Shortage.Kind {
    /// As the reason of a condition.
    var word: String {
        switch self {
        case .tooFewInstances: "TooFewInstances"
        case .endpointClosed: "EndpointClosed"
        case .cannotServe: "CannotServe"
        case .intendedGap: "MadeWay"
        }
    }
}
