/// The causes of a change from one phase to another.
package enum PhaseEvent: String, CaseIterable, Codable, Sendable {
    /// Git asks for a template other than stable's: a rollout begins, or replaces the one in flight.
    case newTemplate = "git asks for another template"
    case standsIn = "only the candidate answers, and git asks for another template"
    case stableWanted = "git asks for the stable template again"
    case heldOff = "git asks for a revision that is held back"
    case manifestRemoved = "the manifest is removed"
    case manifestReturned = "the manifest is back"
    case recordLost = "the record was lost, but a revision serves"
    case candidateReady = "the candidate is ready, and the gates before traffic pass"
    case stepBegan = "a step begins"
    case stepsEdited = "the list of steps changes"
    case held = "the rollout is held"
    case released = "the reason for the hold is gone"
    case instancesAwaited = "a pause is over, but not all instances are ready"
    case stepsDone = "the last step is done"
    case trafficMoved = "traffic and instances are where they should be"
    case candidateFailed = "the candidate fails"
    case limitPassed = "the time limit passes"
    case probationOver = "the probation is over"
    case shortage = "instances or the endpoint are missing"
    case shortageOver = "no instance is missing, and the endpoint is open"
    case promoted = "mlctl promote"
    case paused = "mlctl pause"
    case resumed = "mlctl resume"
    case aborted = "mlctl abort"
    case retried = "mlctl retry"
    case rolledBack = "mlctl rollback"
}

/// One change of phase that a decision made.
package struct PhaseTransition: Hashable, Codable, Sendable {
    package var from: Phase
    package var event: PhaseEvent
    package var to: Phase
}

/// The phase machine as a value: for each phase, the events and the phases that they lead to, the allowed commands, and
/// the time limit with its outcome. Decisions use it to refuse commands, and tests compare every transition of the
/// simulation with it.
package enum PhaseTable {
    package struct Row: Hashable, Sendable {
        package var phase: Phase
        package var next: [PhaseEvent: Set<Phase>]
        /// The commands that a person may give. Whether one can be carried out also depends on the rollout; a refusal
        /// says why.
        package var commands: Set<CommandKind>
        package var limit: Limit
    }

    /// How a phase ends by itself.
    package struct Limit: Hashable, Sendable {
        package var time: String
        package var outcome: String
    }

    package static func row(_ phase: Phase) -> Row {
        switch phase {
        case .idle: idle
        case .preparing: preparing
        case .progressing: progressing
        case .paused: paused
        case .promoting: promoting
        case .probation: probation
        case .healthy: healthy
        case .degraded: degraded
        case .rollingBack: rollingBack
        case .rolledBack: rolledBack
        case .failed: failed
        }
    }

    package static func allows(_ transition: PhaseTransition) -> Bool {
        row(transition.from).next[transition.event]?.contains(transition.to) ?? false
    }

    /// Phases without a rollout, to which a recovered record may lead.
    private static let resting: Set<Phase> = [.healthy, .degraded, .rolledBack, .failed]
    /// The phases of a rollout whose steps have begun.
    private static let stepping: Set<Phase> = [.progressing, .paused]
    private static let rests = Limit(time: "none", outcome: "stays until something changes")
    private static let restingCommands: Set<CommandKind> = [.retry, .rollback, .suspend, .resume]

    private static let idle = Row(
        phase: .idle,
        next: [
            .newTemplate: [.preparing], .manifestReturned: resting.union([.idle]), .recordLost: resting,
            .manifestRemoved: [.idle],
        ],
        commands: [.retry, .suspend, .resume],
        limit: Limit(time: "none", outcome: "waits for a manifest; a removal ends when nothing is left"))

    private static let preparing = Row(
        phase: .preparing,
        next: [
            .candidateReady: stepping.union([.promoting]), .stepBegan: stepping,
            .candidateFailed: [.rollingBack, .paused],
            .limitPassed: [.rollingBack, .paused, .promoting], .held: [.paused],
            .newTemplate: [.preparing, .rollingBack],
            .stableWanted: [.rollingBack], .manifestRemoved: [.idle], .aborted: [.rollingBack],
            .rolledBack: [.rollingBack, .preparing], .promoted: [.preparing],
        ],
        commands: [.promote, .abort, .rollback, .suspend, .resume],
        limit: Limit(
            time: "progressDeadline",
            outcome: "not ready: rolled back; ready, but not judged: onInsufficient"))

    private static let progressing = Row(
        phase: .progressing,
        next: [
            .stepBegan: stepping, .stepsEdited: stepping, .stepsDone: [.promoting], .held: [.paused],
            .candidateFailed: [.rollingBack, .paused], .limitPassed: [.rollingBack, .paused, .promoting],
            .newTemplate: [.preparing, .rollingBack], .stableWanted: [.rollingBack], .manifestRemoved: [.idle],
            .promoted: stepping.union([.promoting]), .paused: [.paused], .aborted: [.rollingBack],
            .rolledBack: [.rollingBack], .instancesAwaited: [.progressing], .released: stepping,
        ],
        commands: [.promote, .pause, .abort, .rollback, .suspend, .resume],
        limit: Limit(
            time: "progressDeadline, without pauses and approvals",
            outcome: "not available: rolled back; traffic not confirmed: paused; else onInsufficient"))

    private static let paused = Row(
        phase: .paused,
        next: [
            .stepBegan: stepping, .stepsEdited: stepping, .stepsDone: [.promoting], .held: [.paused],
            .released: [.preparing, .progressing, .paused, .promoting, .probation],
            .instancesAwaited: [.progressing], .candidateReady: stepping.union([.promoting]),
            .candidateFailed: [.rollingBack, .paused], .newTemplate: [.preparing, .rollingBack], .standsIn: resting,
            .stableWanted: [.rollingBack],
            .manifestRemoved: [.idle],
            .promoted: resting.union([.preparing, .progressing, .paused, .promoting, .probation]),
            .paused: [.paused], .resumed: [.preparing, .progressing, .paused, .promoting, .probation],
            .aborted: [.rollingBack], .retried: [.preparing], .rolledBack: [.rollingBack],
        ],
        commands: [.promote, .pause, .resume, .abort, .retry, .rollback, .suspend],
        limit: Limit(
            time: "the pause's duration; none while it waits for a person",
            outcome: "the next step; a candidate that fails or becomes unavailable is still rolled back"))

    private static let promoting = Row(
        phase: .promoting,
        next: [
            .trafficMoved: resting.union([.probation]), .candidateFailed: [.rollingBack, .paused],
            .limitPassed: [.rollingBack, .paused], .newTemplate: [.preparing, .rollingBack], .standsIn: resting,
            .stableWanted: [.rollingBack], .manifestRemoved: [.idle], .aborted: [.rollingBack],
            .rolledBack: [.rollingBack, .preparing], .held: [.paused], .stepsEdited: [.paused],
        ],
        commands: [.abort, .rollback, .suspend, .resume],
        limit: Limit(
            time: "progressDeadline",
            outcome: "not all instances ready: rolled back; traffic not confirmed: paused until it is"))

    private static let probation = Row(
        phase: .probation,
        next: [
            .probationOver: resting, .candidateFailed: [.rollingBack, .paused], .held: [.paused],
            .limitPassed: [.paused, .rollingBack], .newTemplate: [.preparing, .rollingBack],
            .stableWanted: [.rollingBack],
            .manifestRemoved: [.idle], .promoted: resting, .paused: [.paused],
            .aborted: [.rollingBack], .rolledBack: [.rollingBack], .stepsEdited: [.paused],
        ],
        commands: [.promote, .pause, .abort, .rollback, .suspend, .resume],
        limit: Limit(
            time: "probation.duration, then progressDeadline for what is not confirmed",
            outcome: "available, and no gate fails: promoted; not available: rolled back; else paused"))

    private static let rollingBack = Row(
        phase: .rollingBack,
        next: [
            .trafficMoved: resting, .limitPassed: resting, .newTemplate: [.preparing], .standsIn: resting,
            .manifestRemoved: [.idle],
        ],
        commands: [.suspend, .resume],
        limit: Limit(time: "progressDeadline", outcome: "ends anyway; if instances are missing, Degraded or Failed"))

    private static let healthy = Row(
        phase: .healthy,
        next: [
            .newTemplate: [.preparing], .manifestRemoved: [.idle], .shortage: [.degraded, .failed],
            .rolledBack: [.preparing], .heldOff: [.rolledBack],
        ],
        commands: restingCommands, limit: rests)

    private static let degraded = Row(
        phase: .degraded,
        next: [
            .newTemplate: [.preparing], .manifestRemoved: [.idle], .shortage: [.degraded, .failed],
            .shortageOver: [.healthy, .rolledBack], .rolledBack: [.preparing], .stableWanted: [.degraded],
            .heldOff: [.degraded],
        ],
        commands: restingCommands, limit: rests)

    private static let rolledBack = Row(
        phase: .rolledBack,
        next: [
            .newTemplate: [.preparing], .manifestRemoved: [.idle], .shortage: [.degraded, .failed],
            .stableWanted: [.healthy], .rolledBack: [.preparing],
        ],
        commands: restingCommands, limit: rests)

    private static let failed = Row(
        phase: .failed,
        next: [
            .newTemplate: [.preparing], .manifestRemoved: [.idle], .shortage: [.degraded, .failed],
            .shortageOver: [.healthy, .rolledBack], .rolledBack: [.preparing], .stableWanted: [.failed],
            .heldOff: [.failed],
        ],
        commands: restingCommands, limit: rests)
}

extension PhaseTable {
    /// The table as ARCHITECTURE.md prints it.
    package static var markdown: String {
        let rows = Phase.allCases.map { phase in
            let row = row(phase)
            let next = PhaseEvent.allCases.compactMap { event -> String? in
                guard let to = row.next[event] else { return nil }
                let names = Phase.allCases.filter(to.contains).map(\.rawValue).joined(separator: ", ")
                return "\(event.rawValue) → \(names)"
            }
            let commands = CommandKind.allCases.filter(row.commands.contains).map(\.rawValue)
            return "| \(phase.rawValue) | \(next.joined(separator: "; ")) | \(commands.joined(separator: ", ")) "
                + "| \(row.limit.time): \(row.limit.outcome) |"
        }
        return (["| phase | event → next phase | commands | time limit: outcome |", "|---|---|---|---|"] + rows)
            .joined(separator: "\n")
    }
}
