import Analysis
import Foundation
import ModelManifests
import Serving

/// What git wants of a deployment, as far as it can be read.
public enum Desired: Equatable, Sendable {
    /// Mutable model files are pinned: the template is the one to serve.
    case manifest(ModelDeployment, commit: String)
    /// Git, its manifest or its model files cannot be read now. Everything goes on as it was last wanted.
    case unreadable
    /// The manifest was taken out of git.
    case removed
}

/// All that a decision depends on, beside the state.
public struct DecisionInputs: Equatable, Sendable {
    public var desired: Desired
    public var observed: Observation
    /// Nil where the source could not be asked: nothing is evidence then.
    public var readings: [Reading]?
    public var commands: [OperatorCommand]
    /// Answers to what earlier decisions asked.
    public var findings: [Finding]
    /// Those of `dependsOn` whose rollouts are not over, and what they are at.
    public var unmetDependencies: [String]
    /// Without a record: what was in quarantine, from a place that outlives the record. Nil: not known.
    public var knownQuarantine: [Quarantine]?
    /// Revisions that the project's policy forbids, with the rule and where; nil: nobody has looked, and what was held by it
    /// stays held.
    public var forbidden: [Revision: String]?
    public var now: Date

    public init(
        desired: Desired, observed: Observation, readings: [Reading]? = nil, commands: [OperatorCommand] = [],
        findings: [Finding] = [], unmetDependencies: [String] = [], knownQuarantine: [Quarantine]? = nil,
        forbidden: [Revision: String]? = nil, now: Date
    ) {
        self.desired = desired
        self.observed = observed
        self.readings = readings
        self.commands = commands
        self.findings = findings
        self.unmetDependencies = unmetDependencies
        self.knownQuarantine = knownQuarantine
        self.forbidden = forbidden
        self.now = now
    }
}

/// What to do, and what is so from now on.
public struct Decision: Equatable, Sendable {
    /// To be written before the plan is applied. Nil: the deployment is gone, and its record with it.
    public var state: RolloutState?
    public var plan: ServingPlan
    public var events: [RolloutEvent]
    /// Commands that cannot be carried out in this phase, and why.
    public var refusals: [Refusal]
    /// What has to be found out. A question that is being put already is not put again.
    public var inquiries: [Inquiry]
    /// What gates learnt from in this pass, by source: to be kept for a replay.
    public var absorbed: [Interval]
    /// How the phase changed, in order, and why.
    public var transitions: [PhaseTransition]
    /// When to decide again even if nothing changes; nil: at the resting interval.
    public var lookAgainAt: Date?

    /// Whether it may be carried out before it is recorded: it only takes something away from the candidate of `before`, or
    /// begins the way back with the plan as it is.
    /// - Parameter plan: in force until now; nil where that is not known.
    public func isRetreat(since before: RolloutState?, from plan: ServingPlan?) -> Bool {
        guard let state, let plan, let candidate = before?.rollout?.candidate.revision else { return false }
        let isOnlyTheWayBack = state.rollout?.withdrawal != nil && self.plan == plan
        return isOnlyTheWayBack || self.plan.isRetreat(from: plan, of: candidate)
    }

    public struct Refusal: Equatable, Sendable {
        public var command: OperatorCommand
        public var reason: String
    }
}

/// Whatever decides anything about a rollout is in here.
///
/// Pure: the same state and inputs give an equal decision. No clock, no random number, no input or output.
/// - Parameter state: nil for a deployment that is seen for the first time.
/// - Returns: nil where there is nothing to decide about: no state, and no manifest that can be read.
public func decide(_ state: RolloutState?, _ inputs: DecisionInputs) -> Decision? {
    var pass: DecisionPass
    switch (state, inputs.desired) {
    case (let state?, _):
        pass = DecisionPass(state: state, inputs: inputs)
    case (nil, .manifest(let deployment, let commit)):
        pass = DecisionPass(
            state: RolloutState(deployment: deployment, commit: commit, now: inputs.now), inputs: inputs)
        pass.state.quarantined = Array((inputs.knownQuarantine ?? []).prefix(RolloutState.quarantineLimit))
        pass.takeOverWhatServes()
    case (nil, _):
        return nil
    }
    return pass.run()
}
