import Analysis
import Foundation
import ModelManifests
import Serving

/// What git wants of a deployment, as far as it can be read.
package enum Desired: Equatable, Sendable {
    /// Mutable model files are pinned already: the template is the one to serve.
    case manifest(ModelDeployment, commit: String)
    /// The files of a mutable model are not pinned yet, so its revision is not known. The last known manifest stays in force.
    /// `reason`: what the last attempt led to; nil while the first one has only begun.
    case unpinned(ModelDeployment, commit: String, reason: String?)
    /// Git, its manifest or its model files cannot be read now. The last known manifest stays in force.
    case unreadable
    /// The manifest was removed from git.
    case removed
}

/// A dependency whose rollout is not over.
package struct UnmetDependency: Hashable, Sendable {
    /// Its name and state, for people.
    package var text: String
    /// It is missing or not valid in git: its rollout does not come by itself.
    package var isAbsent: Bool

    package init(_ text: String, isAbsent: Bool = false) {
        self.text = text
        self.isAbsent = isAbsent
    }
}

extension RolloutState {
    /// Writes down what the deployment waits for. Nothing changes in the record where nothing is new.
    mutating func note(_ dependencies: [UnmetDependency]) {
        let texts = dependencies.map(\.text)
        let isAbsent = dependencies.contains(where: \.isAbsent)
        if waitsFor != texts { waitsFor = texts }
        if (waitsForAbsent ?? false) != isAbsent { waitsForAbsent = isAbsent }
    }
}

/// Everything that a decision depends on, besides the state.
package struct DecisionInputs: Equatable, Sendable {
    package var desired: Desired
    package var observed: Observation
    /// Nil if the source could not be read: the pass then has no evidence.
    package var readings: [Reading]?
    package var commands: [OperatorCommand]
    /// Answers to the inquiries of earlier decisions.
    package var findings: [Finding]
    /// Those of `dependsOn` whose rollouts are not over.
    package var unmetDependencies: [UnmetDependency]
    /// If there is no record: the quarantines from a copy that outlives the record. Nil: not known.
    package var knownQuarantine: [Quarantine]?
    /// Revisions that the project's policy forbids, with the rule and where; nil: nobody has looked, and what was held by it
    /// stays held.
    package var forbidden: [Revision: String]?
    /// Why git's manifest is not followed now; nil if it is, or if nobody can say.
    package var notFollowed: String?
    package var now: Date

    package init(
        desired: Desired, observed: Observation, readings: [Reading]? = nil, commands: [OperatorCommand] = [],
        findings: [Finding] = [], unmetDependencies: [UnmetDependency] = [], knownQuarantine: [Quarantine]? = nil,
        forbidden: [Revision: String]? = nil, notFollowed: String? = nil, now: Date
    ) {
        self.desired = desired
        self.observed = observed
        self.readings = readings
        self.commands = commands
        self.findings = findings
        self.unmetDependencies = unmetDependencies
        self.knownQuarantine = knownQuarantine
        self.forbidden = forbidden
        self.notFollowed = notFollowed
        self.now = now
    }
}

/// The next state, and what to do.
package struct Decision: Equatable, Sendable {
    /// Must be written before the plan is applied. Nil: the deployment is gone, and its record is deleted.
    package var state: RolloutState?
    package var plan: ServingPlan
    package var events: [RolloutEvent]
    /// Commands that cannot be carried out in this phase, and why.
    package var refusals: [Refusal]
    /// Questions to answer. A question that is already in progress is not asked again.
    package var inquiries: [Inquiry]
    /// The intervals that gates absorbed in this pass, by source, to be stored for a replay.
    package var absorbed: [Interval]
    /// The changes of the phase, in order, with their causes.
    package var transitions: [PhaseTransition]
    /// When to decide again even if nothing changes. Nil: at the normal interval.
    package var lookAgainAt: Date?

    /// Whether the decision may be carried out before it is recorded: it only takes something away from the candidate
    /// of `before`, or it begins a rollback without changing the plan.
    /// - Parameter plan: the plan that is in force now. Nil if it is not known.
    package func isWithdrawal(since before: RolloutState?, from plan: ServingPlan?) -> Bool {
        guard let state, let plan, let candidate = before?.rollout?.candidate.revision else { return false }
        let isOnlyTheWayBack = state.rollout?.withdrawal != nil && self.plan == plan
        return isOnlyTheWayBack || self.plan.isWithdrawal(from: plan, of: candidate)
    }

    package struct Refusal: Equatable, Sendable {
        package var command: OperatorCommand
        package var reason: String
    }
}

/// Makes every decision about a rollout.
///
/// Pure: the same state and inputs give an equal decision. No clock, no random number, no input or output.
/// - Parameter state: nil for a deployment that has no record yet.
/// - Returns: nil if there is nothing to decide about: no state, and no manifest that can be read.
package func decide(_ state: RolloutState?, _ inputs: DecisionInputs) -> Decision? {
    var pass: DecisionPass
    switch (state, inputs.desired) {
    case (let state?, _):
        pass = DecisionPass(state: state, inputs: inputs)
    case (nil, .manifest(let deployment, let commit)), (nil, .unpinned(let deployment, let commit, _)):
        pass = DecisionPass(
            state: RolloutState(deployment: deployment, commit: commit, now: inputs.now), inputs: inputs)
        pass.state.quarantined = Array((inputs.knownQuarantine ?? []).prefix(RolloutState.quarantineLimit))
        pass.adoptServingRevision()
    case (nil, _):
        return nil
    }
    return pass.run()
}
