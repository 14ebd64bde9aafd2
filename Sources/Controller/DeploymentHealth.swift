import ModelManifests
import Rollouts
import Serving

/// The phase as it is shown, what is waited for, and the conditions, from one state as it is seen. Pure.
struct DeploymentHealth {
    let state: RolloutState
    let availability: Availability
    /// A deployment at rest that has yet to be seen, or that lacks something, is degraded, whatever was decided last. One that
    /// was seen, and cannot be any more, is in the phase that it was in.
    let phase: Phase
    let waiting: WaitStatus?
    /// Why it does not go on without a person; nil where it does.
    let personCause: PersonCause?
    private let invalidity: String?
    private let weights: [Revision: Int]?

    init(_ view: DeploymentView, _ state: RolloutState) {
        self.state = state
        invalidity = view.invalidity
        weights = view.observed?.weights
        availability = Availability(state, view.observed, blindness: view.blindness)
        phase = Self.phase(state, availability)
        let wait = availability.isUnknown && state.rollout == nil ? nil : state.wait(seeing: view.observed)
        if !view.diagnostics.isEmpty {
            personCause = .invalidManifest
        } else if state.heldBack != nil {
            personCause = .anotherPlace
        } else if availability.isUnknown, state.rollout == nil {
            personCause = nil  // What was decided before may not be so any more.
        } else if view.recordProblem != nil {
            personCause = .notRecorded
        } else {
            personCause = state.personCause(wait)
        }
        waiting = Self.waiting(view, state, wait, availability, personCause)
    }

    private static func phase(_ state: RolloutState, _ availability: Availability) -> Phase {
        switch (state.phase, availability) {
        case (.healthy, .unavailable), (.healthy, .unknown), (.degraded, .unknown), (.failed, .unknown): .degraded
        // Where nothing is left that should serve, nothing is missing.
        case (.rolledBack, .unavailable), (.rolledBack, .unknown): state.stable == nil ? .rolledBack : .degraded
        case (let phase, _): phase
        }
    }

    /// What happened last; where something is missing, what that is.
    var message: String {
        switch (phase, availability) {
        case (.degraded, .unknown(let text)): "\(text); before that: \(state.message)"
        case (.degraded, .unavailable(_, let text)), (.failed, .unavailable(_, let text)): text
        case (_, .unknown(let text)): "\(state.message); \(text)"
        case (_, .outOfSight(let blindness)): "\(blindness.text); before that: \(state.message)"
        case (_, .unavailable), (_, .available): state.message
        }
    }

    /// What a rollout waits for comes first: it goes on, whatever git says meanwhile. At rest, what keeps git's wish from
    /// being followed comes first.
    private static func waiting(
        _ view: DeploymentView, _ state: RolloutState, _ wait: Wait?, _ availability: Availability,
        _ cause: PersonCause?
    ) -> WaitStatus? {
        if let problem = view.recordProblem {
            return WaitStatus(
                cause: "decisions to be recorded: \(problem)",
                remedy: "mend that; it goes on by itself then, and taking a candidate out of traffic works meanwhile",
                since: view.recordProblemSince ?? wait?.since ?? state.since, needsPerson: true)
        }
        if state.rollout != nil, let wait { return withRemedy(WaitStatus(wait), cause, state) }
        if let invalidity = view.invalidity {
            return WaitStatus(
                cause: invalidity, remedy: "correct the manifest and commit it ('mlctl validate')",
                since: view.invalidSince, needsPerson: true)
        }
        if let heldBack = state.heldBack {
            return WaitStatus(
                cause: heldBack, remedy: "take the manifest out of git and put it back when nothing is left",
                since: state.since, needsPerson: true)
        }
        switch availability {
        case .unknown(let text): return WaitStatus(cause: text, since: view.problemSince ?? view.firstSeenAt)
        case .outOfSight(let blindness):
            return WaitStatus(cause: "this to end: \(blindness.text)", since: blindness.since)
        case .available, .unavailable: break
        }
        if let wait { return withRemedy(WaitStatus(wait), cause, state) }
        if let cause {
            return withRemedy(WaitStatus(cause: state.message, since: state.since, needsPerson: true), cause, state)
        }
        if let problem = view.problem { return WaitStatus(cause: "this to end: \(problem)", since: view.problemSince) }
        guard state.stable != nil, let text = availability.text else { return nil }
        return WaitStatus(cause: text, since: state.shortage?.since ?? state.decidedAt)
    }

    private static func withRemedy(_ wait: WaitStatus, _ cause: PersonCause?, _ state: RolloutState) -> WaitStatus {
        guard wait.remedy == nil else { return wait }
        var wait = wait
        switch cause {
        case .cannotServe:
            wait.remedy = RolloutState.remedyOfUnserved(canRollBack: state.canRollBack)
        case .heldOff: wait.remedy = "'mlctl retry', or commit another version"
        default: break
        }
        return wait
    }

    // MARK: - Conditions

    /// Nothing is in the way of what git asks for, and all of it serves.
    var isReady: Bool { phase == .healthy && availability == .available && waiting == nil && personCause == nil }

    /// - Parameter message: all that there is to say.
    func conditions(_ message: String) -> [Condition] {
        [ready(message), reconciling(message), stalled(message), available]
    }

    private func ready(_ message: String) -> Condition {
        if isReady { return Condition(type: .ready, true, reason: "Healthy", message: message) }
        if availability.isUnknown, state.rollout == nil {
            return Condition(type: .ready, nil, reason: "Unknown", message: message)
        }
        let reason = phase == .healthy ? personCause?.reason ?? "Waiting" : phase.rawValue
        return Condition(type: .ready, false, reason: reason, message: message)
    }

    /// As kstatus has it, never together with Stalled: something goes on by itself, or it needs a person.
    private func reconciling(_ message: String) -> Condition {
        let isUnderWay = state.rollout != nil || state.isRemoved || !state.waitsFor.isEmpty || state.postponed != nil
        return Condition(
            type: .reconciling, isUnderWay && personCause == nil, reason: personCause?.reason ?? phase.rawValue,
            message: message)
    }

    private func stalled(_ message: String) -> Condition {
        guard let personCause else {
            return Condition(type: .stalled, false, reason: phase.rawValue, message: message)
        }
        let text =
            switch personCause {
            case .invalidManifest: invalidity ?? message
            case .anotherPlace: state.heldBack ?? message
            default: waiting?.cause ?? message
            }
        return Condition(type: .stalled, true, reason: personCause.reason, message: text)
    }

    /// What has most of the traffic, as far as it is seen.
    private var serving: DeployedRevision? {
        let candidates = [state.stable, state.rollout?.candidate].compactMap(\.self)
        guard let weights else { return candidates.first }
        return candidates.max { (weights[$0.revision] ?? 0) < (weights[$1.revision] ?? 0) }
    }

    private var available: Condition {
        switch availability {
        case .available:
            let serves = serving
            return Condition(
                type: .available, true, reason: "Serves",
                message: serves.map { "version \($0.version) serves" } ?? "all that should serve does")
        case .unavailable(let reason, let text):
            return Condition(type: .available, false, reason: reason, message: text)
        case .unknown(let text): return Condition(type: .available, nil, reason: "Unknown", message: text)
        case .outOfSight(let blindness):
            return Condition(type: .available, nil, reason: "Unknown", message: blindness.text)
        }
    }
}

extension Condition {
    /// - Parameter value: nil: not known.
    init(type: Kind, _ value: Bool?, reason: String, message: String) {
        self.init(
            type: type.rawValue, status: value.map { $0 ? "True" : "False" } ?? "Unknown", reason: reason,
            message: message)
    }
}
