import Rollouts
import Serving

/// Whether everything that should serve does, by what is observed now. Pure.
enum Availability: Hashable, Sendable {
    case available
    /// - Parameter reason: the reason of the `Available` condition, for programs.
    case unavailable(reason: String, String)
    /// It was not observed yet.
    case unknown(String)
    /// It cannot be observed now, which does not mean that it is gone. Everything shown about it is its last known state.
    case outOfSight(ObservationOutage)

    static let notLookedAt = "the controller has not observed it since it started"

    /// - Parameters:
    ///   - observed: the last observation in this term of the controller; nil if there was none.
    ///   - blindness: why it cannot be observed now; nil if it can.
    init(_ state: RolloutState, _ observed: Observation?, blindness: ObservationOutage? = nil) {
        self = Self.of(state, observed, blindness: blindness)
    }

    private static func of(_ state: RolloutState, _ observed: Observation?, blindness: ObservationOutage?)
        -> Availability
    {
        if state.isRemoved {
            return .unavailable(reason: "Removed", "its manifest was removed, and it is being taken down")
        }
        guard state.stable != nil || state.rollout != nil else {
            return .unavailable(reason: "NothingServes", "nothing is deployed")
        }
        guard let observed else { return .unknown(notLookedAt) }
        if let blindness { return .outOfSight(blindness) }
        if let shortage = state.shortage { return .unavailable(reason: shortage.kind.word, shortage.reason) }
        if state.stable == nil { return first(state, observed) }
        return asSeen(state, observed)
    }

    /// The first deployment: until its endpoint opens for the first time, it is not available.
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

    /// The decided state is slightly old, and its shortage may not be recorded yet, so the current observation counts too.
    private static func asSeen(_ state: RolloutState, _ observed: Observation) -> Availability {
        guard let stable = state.stable else { return .available }
        let wanted = state.replicas(of: stable, observed)
        let share = 100 - (state.rollout?.weight ?? 0)
        let needed = state.rollout == nil ? min(wanted, state.growth?.from ?? wanted) : min(share, 1)
        let ready = observed.ready(stable.revision)
        guard ready >= needed else { return .tooFew(ready, needed, stable.version) }
        guard observed.endpoint != nil else {
            let why = observed.endpointProblem ?? "the data plane does not accept connections there yet"
            return .unavailable(reason: Shortage.Kind.endpointClosed.word, "the endpoint is not open: \(why)")
        }
        return .available
    }

    private static func tooFew(_ ready: Int, _ needed: Int, _ version: String) -> Availability {
        .unavailable(
            reason: Shortage.Kind.tooFewInstances.word, "\(ready) of \(needed) instances of version \(version) ready")
    }

    /// Why it is not available, or why that is unknown; nil if it is available.
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
    /// The reason of the `Available` condition.
    var word: String {
        switch self {
        case .tooFewInstances: "TooFewInstances"
        case .endpointClosed: "EndpointClosed"
        case .cannotServe: "CannotServe"
        case .intendedGap: "MadeWay"
        }
    }
}
