import Foundation
import ModelManifests
import Serving

/// The phase machine: one transition at a time, as far as what is observed carries it.
extension DecisionPass {
    /// At most this much of the time between two looks counts towards the deadline: nobody looked in between.
    static let countedGapLimit: Duration = .seconds(30)

    /// - Returns: whether something changed that may lead on.
    mutating func advance() -> Bool {
        guard !state.isRemoved else { return false }
        switch state.phase {
        case .idle: return false
        case .preparing: return prepare()
        case .progressing, .paused: return takeStep()
        case .promoting: return finishPromotion()
        case .probation: return watchProbation()
        case .rollingBack: return finishRollback()
        case .healthy, .rolledBack, .failed: return watchStable()
        }
    }

    // MARK: - Preparing

    private mutating func prepare() -> Bool {
        guard let rollout = state.rollout else { return false }
        if let reason = cannotServe(rollout.candidate) {
            withdraw(reason, outcome: .rolledBack, quarantines: true)
            return true
        }
        guard capacity.isCandidateReady else {
            guard isDeadlineOver else { return false }
            withdraw(
                "not ready within \(state.settings.rollout.progressDeadline.goText): \(notReadyReason(rollout.candidate))",
                outcome: .rolledBack, quarantines: true)
            return true
        }
        if rollout.purpose == .restore {
            beginPromotion("the earlier revision is ready")
            return true
        }
        guard rollout.passesBeforeTraffic || rollout.isStepApproved else {
            let judged = rollout.waitingBeforeTraffic.joined(separator: ", ")
            enter(.preparing, "\(RolloutState.judgedBeforeTraffic): \(judged)")
            return isDeadlineOver ? deadlinePassed() : false
        }
        beginSteps()
        return true
    }

    private mutating func beginSteps() {
        state.rollout?.hasBegunSteps = true
        state.rollout?.judgement.begin(at: now)
        enter(.progressing, "the candidate is ready")
        beginStep()
    }

    /// Why this revision will not serve, however long one waits.
    func cannotServe(_ deployed: DeployedRevision) -> String? {
        let instances = observed.instances.filter { $0.revision == deployed.revision }
        if let failed = instances.first(where: { $0.condition == .failed }) {
            return "instance \(failed.id) cannot serve: \(failed.reason ?? "it gave no reason")"
        }
        let looping = instances.first {
            $0.condition == .crashLooping && $0.restarts >= Self.crashLoopRestartLimit
        }
        return looping.map { "instance \($0.id) keeps crashing (\($0.restarts) restarts): \($0.reason ?? "")" }
    }

    private func notReadyReason(_ deployed: DeployedRevision) -> String {
        let reasons = observed.instances.filter { $0.revision == deployed.revision }.compactMap(\.reason)
        return reasons.first ?? "its probes have not been answered; 'mlctl logs \(state.key.name)' shows what it prints"
    }

    var isDeadlineOver: Bool {
        (state.rollout?.progressSpent ?? .zero) >= state.settings.rollout.progressDeadline
    }

    mutating func spendProgressTime() {
        guard let rollout = state.rollout, rollout.withdrawal == nil, !isSuspended else { return }
        guard state.phase == .preparing || state.phase == .progressing else { return }
        state.rollout?.progressSpent += min(elapsed, Self.countedGapLimit)
    }

    // MARK: - Steps

    private mutating func takeStep() -> Bool {
        guard let rollout = state.rollout, !isSuspended else { return false }
        if let reason = cannotServe(rollout.candidate) {
            withdraw(reason, outcome: .rolledBack, quarantines: true)
            return true
        }
        if let hold = rollout.hold {
            let isThere = rollout.hasBegunSteps ? rollout.allGatesPass : rollout.passesBeforeTraffic
            guard hold == .insufficientEvidence, isThere else { return false }
            state.rollout?.hold = nil
            enter(.progressing, "the evidence is there")
            record(.resumed, "all gates pass now", about: rollout.candidate)
            return true
        }
        guard rollout.hasBegunSteps else {
            beginSteps()
            return true
        }
        guard let step = rollout.currentStep(of: state.settings.rollout) else {
            beginPromotion("all steps are done")
            return true
        }
        takeEffect(of: step)
        if isDone(step, of: rollout) {
            if case .setWeight(100) = step.action {
                let passes = rollout.allGatesPass ? "every gate passes" : "all that is judged before the switch passes"
                beginPromotion(rollout.isStepApproved ? "let go on by hand" : passes)
            } else {
                state.rollout?.stepIndex += 1
                beginStep()
            }
            return true
        }
        return isDeadlineOver && state.phase == .progressing ? deadlinePassed() : false
    }

    /// Takes up the step at `stepIndex`: its weight, or its wait.
    private mutating func beginStep() {
        skipStepsWithoutTraffic()
        guard let rollout = state.rollout else { return }
        state.rollout?.stepStartedAt = now
        state.rollout?.isStepApproved = rollout.stepIndex >= state.settings.rollout.steps.count
        guard let step = rollout.currentStep(of: state.settings.rollout) else { return }
        takeEffect(of: step)
        switch step.action {
        case .setWeight, .mirror, .gate:
            enter(.progressing, step.text)
        case .pause, .approval:
            enter(.paused, step.text)
        }
        record(
            .stepStarted, "step \(rollout.stepIndex + 1) of \(state.settings.rollout.steps.count): \(step.text)",
            about: rollout.candidate)
    }

    /// Again and again: the manifest may say something else of the step that is being taken.
    private mutating func takeEffect(of step: RolloutStep) {
        switch step.action {
        case .setWeight(let weight) where weight < 100:
            state.rollout?.weight = weight
            // Traffic of its own takes the place of copies.
            if weight > 0 { state.rollout?.mirror = 0 }
        case .mirror(let share): state.rollout?.mirror = share
        case .setWeight, .gate, .pause, .approval: break
        }
    }

    private mutating func skipStepsWithoutTraffic() {
        guard let rollout = state.rollout else { return }
        state.rollout?.stepIndex = rollout.stepTaken(from: rollout.stepIndex, of: state.settings.rollout)
    }

    private func isDone(_ step: RolloutStep, of rollout: Rollout) -> Bool {
        let mayLeave = step.advance == .done || rollout.allGatesPass
        switch step.action {
        case .setWeight(100):
            return rollout.isStepApproved || rollout.passesForPromotion
        case .setWeight(let weight):
            let isInForce = observed.weights?[rollout.candidate.revision] == weight
            return isInForce && (rollout.isStepApproved || mayLeave)
        case .mirror(let share):
            let isInForce = observed.mirrors?[rollout.candidate.revision] == share
            return isInForce && (rollout.isStepApproved || mayLeave)
        case .pause(let duration):
            if rollout.isStepApproved || (step.advance == .evidence && rollout.allGatesPass) { return true }
            return duration.map { now.timeIntervalSince(rollout.stepStartedAt) >= $0 / .seconds(1) } ?? false
        case .gate(let name):
            return rollout.isStepApproved || rollout.passes(name)
        case .approval:
            return rollout.isStepApproved
        }
    }

    private mutating func deadlinePassed() -> Bool {
        guard let rollout = state.rollout else { return false }
        let reason =
            "\(state.settings.rollout.progressDeadline.goText) went by without enough data for "
            + (rollout.insufficientGates.isEmpty ? "this step" : rollout.insufficientGates.joined(separator: ", "))
        switch state.settings.rollout.onInsufficient {
        case .pause: hold(.insufficientEvidence, "\(reason); goes on when all gates pass, or by 'mlctl promote'")
        case .rollback: withdraw(reason, outcome: .rolledBack, quarantines: true)
        case .promote: beginPromotion("\(reason); promoted, as onInsufficient says")
        }
        return true
    }

    // MARK: - Promotion and probation

    private mutating func beginPromotion(_ reason: String) {
        state.rollout?.weight = 100
        state.rollout?.mirror = 0
        state.rollout?.hold = nil
        enter(.promoting, reason)
        record(.promoting, reason, about: state.rollout?.candidate)
    }

    private mutating func finishPromotion() -> Bool {
        guard let rollout = state.rollout else { return false }
        if let reason = cannotServe(rollout.candidate) {
            withdraw(reason, outcome: .rolledBack, quarantines: true)
            return true
        }
        guard observed.weights?[rollout.candidate.revision] == 100, capacity.isPromoted else { return false }
        if let probation = state.settings.rollout.probation, rollout.purpose == .release {
            state.rollout?.weight = 100 - probation.holdback
            state.rollout?.stepStartedAt = now
            let text = "on probation for \(probation.duration.goText)"
            enter(.probation, text)
            record(.probationStarted, text, about: rollout.candidate)
        } else {
            concludePromotion()
        }
        return true
    }

    private mutating func watchProbation() -> Bool {
        guard let rollout = state.rollout else { return false }
        if let reason = cannotServe(rollout.candidate) {
            withdraw(reason, outcome: .rolledBack, quarantines: true)
            return true
        }
        let duration = state.settings.rollout.probation?.duration ?? .zero
        guard !isSuspended, now.timeIntervalSince(rollout.stepStartedAt) >= duration / .seconds(1) else { return false }
        concludeProbation("passed")
        return true
    }

    mutating func concludeProbation(_ reason: String) {
        record(.probationEnded, "probation \(reason)", about: state.rollout?.candidate)
        concludePromotion()
    }

    /// The candidate becomes stable with the very instances that were judged.
    private mutating func concludePromotion() {
        guard let rollout = state.rollout else { return }
        let promoted = rollout.candidate
        if let old = state.stable { remember(old, .replaced, "replaced by version \(promoted.version)") }
        let text =
            rollout.purpose == .first
            ? "version \(promoted.version) serves" : "version \(promoted.version) was promoted"
        record(.promoted, text, about: promoted)
        state.stable = promoted
        state.rollout = nil
        let isWanted = state.settings.template == promoted.template
        enter(isWanted ? .healthy : .rolledBack, isWanted ? text : "\(text); git's revision is held off")
    }

    // MARK: - Rollback and rest

    private mutating func finishRollback() -> Bool {
        guard let rollout = state.rollout, let withdrawal = rollout.withdrawal else { return false }
        if let stable = state.stable {
            guard observed.weights?[stable.revision] == 100 else { return false }
            guard capacity.isStableBack || cannotServe(stable) != nil else { return false }
        }
        remember(rollout.candidate, withdrawal.outcome, withdrawal.reason)
        state.rollout = nil
        if withdrawal.outcome == .superseded {
            enter(.healthy, withdrawal.reason)
        } else {
            enter(.rolledBack, withdrawal.reason)
        }
        let serving = state.stable.map { "all traffic is on version \($0.version)" } ?? "nothing serves"
        record(.rolledBack, "\(serving): \(withdrawal.reason)", about: rollout.candidate, actor: withdrawal.actor)
        return true
    }

    private mutating func watchStable() -> Bool {
        guard let stable = state.stable else { return false }
        if state.phase == .failed {
            guard observed.ready(stable.revision) > 0 else { return false }
            let isWanted = state.settings.template == stable.template
            enter(isWanted ? .healthy : .rolledBack, "version \(stable.version) serves again")
            record(.recovered, state.message, about: stable)
        } else if observed.ready(stable.revision) == 0, let reason = cannotServe(stable) {
            enter(.failed, reason)
            record(.failed, reason, about: stable)
        }
        return false
    }
}

extension Rollout {
    /// The step at `index`, or the first after it that is taken. Where no stable runs there is no traffic to move and
    /// nothing to compare with: approvals and checks are left.
    func stepTaken(from index: Int, of spec: RolloutSpec) -> Int {
        guard purpose == .first || room == .recreate, index < spec.steps.count else { return index }
        return spec.steps[index...].firstIndex(where: isTakenWithoutTraffic) ?? spec.steps.count
    }

    /// Those that mean something where no stable runs.
    private func isTakenWithoutTraffic(_ step: RolloutStep) -> Bool {
        switch step.action {
        case .approval: true
        case .gate(let name): judgement.evidence(of: name)?.spec.isCheck == true
        case .setWeight, .mirror, .pause: false
        }
    }
}
