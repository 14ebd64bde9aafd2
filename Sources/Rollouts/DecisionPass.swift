import Analysis
import Foundation
import ModelManifests
import Serving

/// One decision in the making: the state as it becomes, and the events that it causes.
///
/// A pass is a short list of steps in a fixed order; each is in a file of its own.
struct DecisionPass {
    /// Transitions that follow from one another in one pass. A pass that needs more looks again at once.
    static let transitionLimit = 32
    /// Restarts after which a crash loop is taken for a model that cannot serve.
    static let crashLoopRestartLimit = 5

    var state: RolloutState
    let inputs: DecisionInputs
    let now: Date
    /// Since the last decision.
    let elapsed: Duration
    var events: [RolloutEvent] = []
    var refusals: [Decision.Refusal] = []

    init(state: RolloutState, inputs: DecisionInputs) {
        self.state = state
        self.inputs = inputs
        now = max(inputs.now, state.decidedAt)
        elapsed = .seconds(now.timeIntervalSince(state.decidedAt))
        self.state.decidedAt = now
    }

    mutating func run() -> Decision {
        spendProgressTime()
        readDesired()
        gatherEvidence()
        obeyCommands()
        judgeGates()
        followDesired()
        for _ in 0..<Self.transitionLimit where advance() {}
        let isGone = state.isRemoved && inputs.observed.instances.isEmpty
        return Decision(
            state: isGone ? nil : state, plan: plan(), events: events, refusals: refusals, inquiries: [],
            lookAgainAt: isGone ? nil : nextLook())
    }

    var observed: Observation { inputs.observed }

    mutating func enter(_ phase: Phase, _ message: String) {
        if state.phase != phase {
            state.phase = phase
            state.since = now
        }
        state.message = message
    }

    mutating func record(
        _ kind: RolloutEvent.Kind, _ message: String, about deployed: DeployedRevision? = nil, actor: String? = nil
    ) {
        events.append(
            RolloutEvent(
                at: now, kind: kind, revision: deployed?.revision, version: deployed?.version,
                commit: deployed?.commit ?? state.commit, message: message, actor: actor,
                evidence: state.rollout?.gateSummaries ?? []))
    }
}

extension Rollout {
    public var gateSummaries: [GateSummary] {
        judgement.evidence.map { gate in
            GateSummary(
                name: gate.spec.name, verdict: gate.verdict.rawValue, samples: gate.samples, reason: gate.reason)
        }
    }

    var allGatesPass: Bool { judgement.evidence.allSatisfy { $0.verdict == .pass || isOverridden($0) } }

    var failedGate: GateEvidence? { judgement.evidence.first { $0.verdict == .fail && !isOverridden($0) } }

    func passes(_ gate: String) -> Bool {
        judgement.evidence.contains { $0.spec.name == gate && ($0.verdict == .pass || isOverridden($0)) }
    }

    private func isOverridden(_ gate: GateEvidence) -> Bool { overriddenGates.contains(gate.spec.name) }

    var insufficientGates: [String] {
        judgement.evidence.filter { $0.verdict == .insufficient }.map(\.spec.name)
    }

    public func currentStep(of spec: RolloutSpec) -> RolloutStep? {
        purpose == .restore || stepIndex >= spec.steps.count ? nil : spec.steps[stepIndex]
    }
}
