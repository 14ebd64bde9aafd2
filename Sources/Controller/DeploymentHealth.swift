import ControlPorts
import ModelManifests
import Rollouts
import Serving

/// Derives the shown phase, what a deployment waits for, and the conditions, from its state and the last observation. Pure.
struct DeploymentHealth {
    let state: RolloutState
    let availability: Availability
    /// A deployment at rest is shown as degraded if it was not observed yet or lacks something, whatever was decided last. If it
    /// was observed but cannot be observed now, it keeps its phase.
    let phase: Phase
    let waiting: WaitStatus?
    /// Why it does not continue without a person; nil if it does.
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
        if view.absence != nil {
            personCause = .notInGit
        } else if !view.diagnostics.isEmpty {
            personCause = .invalidManifest
        } else if state.heldBack != nil {
            personCause = .anotherPlace
        } else if availability.isUnknown, state.rollout == nil {
            personCause = nil  // The last decision may be outdated.
        } else if view.recordProblem != nil {
            personCause = .notRecorded
        } else {
            personCause = state.personCause(wait)
        }
        waiting = Self.waiting(view, state, wait, availability, personCause)
    }

    private static func phase(_ state: RolloutState, _ availability: Availability) -> Phase {
        if state.isPreparingModel { return .preparing }
        return restingPhase(state, availability)
    }

    private static func restingPhase(_ state: RolloutState, _ availability: Availability) -> Phase {
        switch (state.phase, availability) {
        case (.healthy, .unavailable), (.healthy, .unknown), (.degraded, .unknown), (.failed, .unknown): .degraded
        // If nothing should serve any more, nothing is missing.
        case (.rolledBack, .unavailable), (.rolledBack, .unknown): state.stable == nil ? .rolledBack : .degraded
        case (let phase, _): phase
        }
    }

    /// What happened last, or what is missing.
    var message: String {
        switch (phase, availability) {
        case (.degraded, .unknown(let text)): "\(text); before that: \(state.message)"
        case (.degraded, .unavailable(_, let text)), (.failed, .unavailable(_, let text)): text
        case (_, .unknown(let text)): "\(state.message); \(text)"
        case (_, .outOfSight(let blindness)): "\(blindness.text); before that: \(state.message)"
        case (_, .unavailable), (_, .available): state.message
        }
    }

    /// The wait of a rollout comes first, because the rollout continues whatever git says meanwhile. At rest, reasons why git is
    /// not followed come first.
    private static func waiting(
        _ view: DeploymentView, _ state: RolloutState, _ wait: Wait?, _ availability: Availability,
        _ cause: PersonCause?
    ) -> WaitStatus? {
        if let problem = view.recordProblem {
            return WaitStatus(
                cause: "decisions to be recorded: \(problem)",
                remedy:
                    "solve this problem, and the rollout continues by itself; a candidate can still be taken out of traffic",
                since: view.recordProblemSince ?? wait?.since ?? state.since, needsPerson: true)
        }
        if state.rollout != nil, let wait { return withRemedy(placed(wait, view), cause, state) }
        if let invalidity = view.invalidity {
            return WaitStatus(
                cause: invalidity,
                remedy: view.absence?.remedy ?? "correct the manifest and commit it ('mlctl validate')",
                since: view.invalidSince, needsPerson: true)
        }
        if let heldBack = state.heldBack {
            return WaitStatus(
                cause: heldBack,
                remedy: "remove the manifest from git, and add it again when nothing of the deployment is left",
                since: state.since, needsPerson: true)
        }
        switch availability {
        case .unknown(let text): return WaitStatus(cause: text, since: view.problemSince ?? view.firstSeenAt)
        case .outOfSight(let blindness):
            return WaitStatus(cause: "this problem to end: \(blindness.text)", since: blindness.since)
        case .available, .unavailable: break
        }
        if let wait { return withRemedy(placed(wait, view), cause, state) }
        if let cause {
            return withRemedy(WaitStatus(cause: state.message, since: state.since, needsPerson: true), cause, state)
        }
        if let problem = view.problem {
            return WaitStatus(cause: "this problem to end: \(problem)", since: view.problemSince)
        }
        guard state.stable != nil, let text = availability.text else { return nil }
        return WaitStatus(cause: text, since: state.shortage?.since ?? state.decidedAt)
    }

    /// With the place in git, if the model in the manifest has to be corrected.
    private static func placed(_ wait: Wait, _ view: DeploymentView) -> WaitStatus {
        var status = WaitStatus(wait)
        if wait.isAboutModel, let place = view.modelPlace, let remedy = status.remedy {
            status.remedy = "\(place): \(remedy)"
        }
        return status
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

    /// Everything that git asks for serves, and nothing prevents a change.
    var isReady: Bool { phase == .healthy && availability == .available && waiting == nil && personCause == nil }

    /// - Parameter message: the full message of the status.
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

    /// As in kstatus, never true together with Stalled: either it continues by itself, or it needs a person.
    private func reconciling(_ message: String) -> Condition {
        let isUnderWay =
            state.rollout != nil || state.isRemoved || !state.waitsFor.isEmpty || state.postponed != nil
            || state.awaited != nil
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
            case .invalidManifest, .notInGit: invalidity ?? message
            case .anotherPlace: state.heldBack ?? message
            default: waiting?.cause ?? message
            }
        return Condition(type: .stalled, true, reason: personCause.reason, message: text)
    }

    /// The revision with most of the traffic, as observed.
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
                message: serves.map { "version \($0.version) serves" } ?? "everything that should serve does")
        case .unavailable(let reason, let text):
            return Condition(type: .available, false, reason: reason, message: text)
        case .unknown(let text): return Condition(type: .available, nil, reason: "Unknown", message: text)
        case .outOfSight(let blindness):
            return Condition(type: .available, nil, reason: "Unknown", message: blindness.text)
        }
    }
}

extension Condition {
    /// - Parameter value: nil if it is unknown.
    init(type: Kind, _ value: Bool?, reason: String, message: String) {
        self.init(
            type: type.rawValue, status: value.map { $0 ? "True" : "False" } ?? "Unknown", reason: reason,
            message: message)
    }
}
