import Analysis
import Foundation
import ModelManifests
import Serving

/// One decision while it is made: the changing state, and the events that it causes.
///
/// A pass is a short list of steps in a fixed order. Each step has its own file.
struct DecisionPass {
    /// The most transitions in one pass. A pass that needs more is followed by another at once.
    static let transitionLimit = 32
    /// After this many restarts a crash loop means that the model cannot serve.
    static let crashLoopRestartLimit = 5
    /// The most time between two looks that counts towards a limit, because nothing was observed in between.
    static let countedGapLimit: Duration = .seconds(30)

    var state: RolloutState
    /// If git's manifest is held back, `desired` is replaced by `unreadable`.
    private(set) var inputs: DecisionInputs
    let now: Date
    /// The time of the previous decision.
    let lastLook: Date
    var events: [RolloutEvent] = []
    var refusals: [Decision.Refusal] = []
    /// The command that is being carried out.
    var obeyed: OperatorCommand?
    var absorbed: [Interval] = []
    var transitions: [PhaseTransition] = []
    /// The list of steps changed in this pass: no step begins before the next pass.
    var isEdited = false
    /// The rollout whose self-check ran in this pass, as it was then.
    var checked: Rollout?

    init(state: RolloutState, inputs: DecisionInputs) {
        self.state = state
        self.inputs = inputs
        now = max(inputs.now, state.decidedAt)
        lastLook = state.decidedAt
        self.state.decidedAt = now
    }

    mutating func run() -> Decision {
        spendTime()
        holdIfTargetChanged()
        followPolicy()
        applyDesiredSettings()
        followUnpinnedModel()
        gatherEvidence()
        watchCrashes()
        runSelfCheck()
        applyFindings()
        noteAvailability()
        executeCommands()
        judge()
        followDesired()
        for _ in 0..<Self.transitionLimit where advance() {}
        watchService()
        watchRotation()
        updateCounterPolls()
        recordSelfCheck()
        let isGone = state.isRemoved && inputs.observed.instances.isEmpty
        return Decision(
            state: isGone ? nil : state, plan: plan(), events: events, refusals: refusals,
            inquiries: isGone ? [] : inquiries(), absorbed: absorbed, transitions: transitions,
            lookAgainAt: isGone ? nil : nextLook())
    }

    var observed: Observation { inputs.observed }

    /// A deployment does not move while it serves: its instances, record and endpoint belong to its site.
    private mutating func holdIfTargetChanged() {
        guard let (deployment, commit) = inputs.desired.wanted else {
            if inputs.desired == .removed { state.heldBack = nil }
            return
        }
        guard !state.target.hasSameLocation(as: deployment.target) else {
            state.heldBack = nil
            if case .manifest = inputs.desired { state.target = deployment.target }
            return
        }
        if state.isUntouched, observed.instances.isEmpty {
            // Nothing has to be moved: the record is deleted here, and the deployment begins there.
            inputs.desired = .unreadable
            transition(.manifestRemoved, "its manifest wants it at \(deployment.target)") { $0.course = .removing }
            return
        }
        inputs.desired = .unreadable
        let reason =
            "commit \(commit.prefix(10)) wants it at \(deployment.target), but it serves at \(state.target), and it cannot "
            + "move: remove the manifest from git first and add it again when nothing is left, or give it another name"
        if state.heldBack == nil { record(.warning, reason, about: state.stable) }
        state.heldBack = reason
    }

    /// One change of the state, with the event that caused it.
    /// - Parameter message: nil keeps the last message.
    mutating func transition(
        _ event: PhaseEvent, _ message: String?, _ change: (inout RolloutState) -> Void = { _ in }
    ) {
        let from = state.phase
        change(&state)
        if let message { state.message = message }
        if state.phase != from { state.since = now }
        transitions.append(PhaseTransition(from: from, event: event, to: state.phase))
    }

    mutating func record(
        _ kind: RolloutEvent.Kind, _ message: String, about deployed: DeployedRevision? = nil, actor: String? = nil
    ) {
        var event = RolloutEvent(
            at: now, kind: kind, revision: deployed?.revision, version: deployed?.version,
            commit: deployed?.commit ?? state.commit, message: message, actor: actor,
            evidence: state.rollout?.gateSummaries ?? [], project: state.settings.project)
        if let obeyed, actor != nil, actor == obeyed.actor {
            (event.claimedActor, event.reason) = (obeyed.claimedActor, obeyed.reason)
        }
        if kind.isAgainstCandidate { event.failedRequestIds = failedRequestIds }
        if kind.endsJudgement {
            let figures = state.rollout?.judgement.evidence.compactMap(\.figures) ?? []
            event.figures = figures.isEmpty ? nil : figures
        }
        events.append(event)
    }

    /// Kept with the event: once the candidate is gone, nothing else knows them.
    private var failedRequestIds: [String]? {
        guard let candidate = state.rollout?.candidate.revision else { return nil }
        let ids = inputs.readings?.failedRequestIds(of: candidate, limit: RolloutEvent.failedRequestLimit) ?? []
        return ids.isEmpty ? nil : ids
    }
}

extension RolloutState {
    /// The gates of the rollout in flight, with what each still needs. Empty if there is no rollout.
    package var gateSummaries: [GateSummary] {
        guard let rollout else { return [] }
        return zip(rollout.gateSummaries, rollout.judgement.evidence).map { summary, evidence in
            var summary = summary
            summary.missing = rollout.withdrawal == nil ? evidence.missing(at: decidedAt) : nil
            return summary
        }
    }
}

extension Rollout {
    package var gateSummaries: [GateSummary] {
        judgement.evidence.map { gate in
            let problem = gate.spec.counters.flatMap { source in
                counterTurns[source]?.problem.map { "; \(source): \($0)" }
            }
            let prefix = gate.spec.warnOnly && gate.verdict == .fail ? "would have failed: " : ""
            let partly =
                gate.spec.isJudgedOnSlices ? ledgers[MetricSourceName.proxy]?.partlyKnownValues : nil
            let parted = partly.map {
                "; only some proxies tell \($0.joined(separator: ", ")) apart, the others count them as "
                    + "'\(TrafficSlice.other)'"
            }
            return GateSummary(
                name: gate.spec.name, verdict: gate.verdict.rawValue, samples: gate.samples,
                reason: prefix + gate.reason + (parted ?? "") + (problem ?? ""), warnOnly: gate.spec.warnOnly)
        }
    }

    /// Whether the rollout has gates that act on evidence.
    var isJudged: Bool { judgement.evidence.contains { !$0.spec.warnOnly } }

    var allGatesPass: Bool { judgement.evidence.allSatisfy { $0.verdict == .pass || isIgnored($0) } }

    var failedGate: GateEvidence? { judgement.evidence.first { $0.verdict == .fail && !isIgnored($0) } }

    /// Whether all gates that must pass before any traffic have passed.
    var passesBeforeTraffic: Bool { waitingBeforeTraffic.isEmpty }

    var waitingBeforeTraffic: [String] {
        judgement.evidence.filter { $0.spec.isBeforeTraffic && $0.verdict != .pass && !isIgnored($0) }
            .map(\.spec.name)
    }

    func passes(_ gate: String) -> Bool {
        judgement.evidence.contains { $0.spec.name == gate && ($0.verdict == .pass || isIgnored($0)) }
    }

    /// Whether the gate only warns, or an operator overrode it.
    private func isIgnored(_ gate: GateEvidence) -> Bool {
        gate.spec.warnOnly || overriddenGates.contains(gate.spec.name)
    }

    var insufficientGates: [String] {
        judgement.evidence.filter { $0.verdict == .insufficient && !$0.spec.warnOnly }.map(\.spec.name)
    }

    /// Whether the gates that the last step waits for pass. A strategy that switches all traffic at once has evidence
    /// from traffic only after the switch, so there only the gates before traffic count.
    var passesForPromotion: Bool { strategy.switchesAtOnce ? passesBeforeTraffic : allGatesPass }

    /// The current step, or the next one. Nil if there is none.
    package func currentStep(of spec: RolloutSpec) -> RolloutStep? {
        guard purpose != .restore else { return nil }
        switch stage {
        case .preparing: return spec.steps.first
        case .stepping(let stepping):
            if let current = stepping.current { return current.step }
            let marks = spec.marks
            return stepping.done.count < marks.count ? marks[stepping.done.count].step : nil
        case .promoting, .probation, .rollingBack: return nil
        }
    }
}

extension GateSpec {
    /// Whether the gate runs when the candidate is ready, before it has any traffic.
    var isBeforeTraffic: Bool {
        switch kind {
        case .check(let gate): !gate.isOfStep
        case .contract: true
        case .compare, .cost, .threshold, .distribution, .drift, .agreement, .goal: false
        }
    }

    var isCheck: Bool {
        if case .check = kind { true } else { false }
    }

    /// Whether the gate needs stable while the candidate runs.
    var needsStable: Bool {
        if case .contract = kind { return true }
        if case .goal = kind { return true }
        if isOfCost { return true }
        return isComparing && counters != MetricSourceName.outcomes
    }
}

extension RolloutSpec.Strategy {
    /// All traffic moves in one step, so gates that need traffic are evaluated after that step.
    var switchesAtOnce: Bool { self == .blueGreen || self == .recreate }
}

extension RolloutEvent.Kind {
    /// The gates' evidence is dropped soon after it.
    fileprivate var endsJudgement: Bool { self == .rollingBack || self == .aborted || self == .promoting }

    fileprivate var isAgainstCandidate: Bool { self == .gateFailed || self == .rollingBack || self == .aborted }
}
