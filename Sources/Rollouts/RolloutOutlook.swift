import Foundation
import ModelManifests

/// What happens next to a rollout in flight, for every strategy.
struct RolloutOutlook {
    let state: RolloutState
    let rollout: Rollout

    private var spec: RolloutSpec { state.settings.rollout }
    private var version: String { rollout.candidate.version }
    private var isSuspended: Bool { state.isSuspended || state.settings.suspend }
    /// Stable stops before the candidate starts.
    private var isRecreating: Bool { rollout.room == .recreate && state.stable != nil }

    var next: [Outlook] {
        switch state.phase {
        case .preparing: return [readiness] + failure + (isSuspended ? [] : preparingDeadline)
        case .progressing, .paused:
            if isSuspended { return [state.resumption(then: "the rollout continues where it is")] + failure }
            return step + failure + deadline
        case .promoting: return [promotion]
        case .probation:
            return (isSuspended ? [state.resumption(then: "its probation continues")] : [endOfProbation]) + failure
        case .rollingBack: return [endOfRollback]
        case .idle, .healthy, .degraded, .rolledBack, .failed: return []
        }
    }

    // MARK: - Forward

    private var readiness: Outlook {
        let waiting = rollout.waitingBeforeTraffic
        let first = stepText(from: 0)
        let judged =
            waiting.isEmpty ? first : "judged before any traffic by \(waiting.joined(separator: ", ")), then \(first)"
        return Outlook(when: readyText, then: rollout.purpose == .restore ? endText : judged)
    }

    private var readyText: String {
        let count = state.settings.replicas
        if rollout.room == .drain, state.stable != nil { return "when its first instance is ready" }
        let ready = count == 1 ? "its instance is ready" : "its \(count) instances are ready"
        guard isRecreating, let stable = state.stable else { return "when \(ready)" }
        return "when version \(stable.version) has stopped and \(ready)"
    }

    /// What follows when everything before the step at `index` is done.
    private func stepText(from index: Int) -> String {
        let marks = spec.marks
        let taken = rollout.nextApplicableStep(from: index, of: marks)
        guard rollout.purpose != .restore, taken < marks.count else { return endText }
        return "step \(taken + 1) of \(marks.count): \(marks[taken].step.text)"
    }

    private var endText: String {
        if rollout.purpose == .first { return "the endpoint opens" }
        return rollout.purpose == .restore || isRecreating ? "it takes all traffic" : "it is promoted"
    }

    private var step: [Outlook] {
        if let hold = rollout.hold { return held(hold) }
        guard rollout.hasBegunSteps else { return [Outlook(when: beforeTraffic, then: stepText(from: 0))] }
        guard let step = rollout.currentStep(of: spec) else { return [promotion] }
        let next = stepText(from: rollout.stepIndex + 1)
        switch step.action {
        case .approval, .pause(nil): return [Outlook(when: "on 'mlctl promote'", then: next)]
        case .pause(let duration?):
            let end = rollout.stepStartedAt?.addingTimeInterval(duration / .seconds(1))
            let early =
                step.advance == .evidence && rollout.isJudged
                ? [Outlook(when: everyGate, then: next)] : []
            return early + [Outlook(when: "when the pause is over", at: end, then: next)]
        case .gate(GoalGate.name): return [Outlook(when: "when version \(version) wins the test", then: next)]
        case .gate(let name): return [Outlook(when: "when gate \(name) passes", then: next)]
        case .setWeight(100):
            return [Outlook(when: rollout.strategy.switchesAtOnce ? beforeTraffic : everyGate, then: switchText)]
        case .setWeight, .mirror:
            let moved =
                step.action.isMirror ? "when the proxy copies the traffic" : "when the proxy has moved the traffic"
            return [Outlook(when: step.advance == .evidence ? everyGate : moved, then: next)]
        }
    }

    private var everyGate: String { rollout.isJudged ? "when every gate passes" : "at once" }

    private var beforeTraffic: String {
        let waiting = rollout.waitingBeforeTraffic
        return waiting.isEmpty ? "at once" : "when \(waiting.joined(separator: ", ")) passed before any traffic"
    }

    private var switchText: String {
        guard rollout.strategy == .blueGreen, rollout.purpose == .release else { return endText }
        return "all traffic is switched to version \(version) at once"
    }

    private func held(_ hold: Rollout.Hold) -> [Outlook] {
        switch hold {
        case .byOperator: [Outlook(when: "on 'mlctl resume'", then: "the rollout continues where it is")]
        case .gateFailed(let name):
            [
                Outlook(when: "on 'mlctl promote'", then: "it continues despite the failed gate \(name)"),
                Outlook(when: "on 'mlctl retry'", then: "it starts again, with new evidence"),
                Outlook(when: "on 'mlctl abort'", then: wayBack),
            ]
        case .unavailable:
            [
                Outlook(
                    when: "on 'mlctl promote --force'", then: "it continues although the candidate is not available"),
                Outlook(when: "on 'mlctl retry'", then: "it starts again, with new evidence"),
                Outlook(when: "on 'mlctl abort'", then: wayBack),
            ]
        case .insufficientEvidence:
            [
                Outlook(when: rollout.hasBegunSteps ? everyGate : beforeTraffic, then: "it continues by itself"),
                Outlook(
                    when: rollout.hasBegunSteps ? "on 'mlctl promote'" : "on 'mlctl promote --skip-checks'",
                    then: "it continues without the evidence"),
            ]
        case .stepsEdited:
            [
                Outlook(when: "on 'mlctl promote'", then: "the promotion continues without the new steps"),
                Outlook(when: "on 'mlctl abort'", then: wayBack),
            ]
        case .splitMismatch:
            [
                Outlook(when: "on 'mlctl promote'", then: "it continues with the remaining evidence"),
                Outlook(when: "on 'mlctl retry'", then: "it starts again, with new evidence"),
                Outlook(when: "on 'mlctl abort'", then: wayBack),
            ]
        case .outsidePolicy:
            [
                Outlook(
                    when: "when the project's policy allows version \(version) again", then: "it goes on by itself"),
                Outlook(when: "on 'mlctl abort'", then: wayBack),
            ]
        case .trafficUnconfirmed:
            [
                Outlook(when: "when the data plane confirms the candidate's share", then: "it continues by itself"),
                Outlook(when: "on 'mlctl abort'", then: wayBack),
            ]
        }
    }

    private var promotion: Outlook {
        var then = rollout.purpose == .first ? "version \(version) serves" : "version \(version) is stable"
        if let probation = spec.probation, rollout.purpose == .release {
            then = "version \(version) is on probation for \(probation.duration.goText)"
            if let stable = state.stable, !isRecreating {
                let share = probation.holdback > 0 ? " with \(probation.holdback) % of the traffic" : ""
                then += ", and version \(stable.version) is kept warm\(share)"
            }
        }
        return Outlook(when: "when all of its instances are ready and the proxy has moved all traffic", then: then)
    }

    private var endOfProbation: Outlook {
        let duration = spec.probation?.duration ?? .zero
        let old = state.stable.map { "version \($0.version) is retired" } ?? "nothing else serves"
        return Outlook(
            when: "when its probation is over", at: rollout.stepStartedAt?.addingTimeInterval(duration / .seconds(1)),
            then: "version \(version) is stable; \(old)")
    }

    // MARK: - Back

    /// A gate that passed may still fail.
    private var failure: [Outlook] {
        let isJudged = rollout.judgement.evidence.contains {
            !$0.spec.warnOnly && (state.phase != .preparing || $0.spec.isBeforeTraffic)
        }
        guard isJudged, rollout.hold == nil else { return [] }
        let when = isTesting ? "if version \(version) loses the test, or a guardrail fails" : "if a gate fails"
        return [Outlook(when: when, then: spec.onFailure == .rollback ? wayBack : "it waits for a person")]
    }

    private var isTesting: Bool {
        rollout.hasBegunSteps && rollout.judgement.evidence(of: GoalGate.name)?.verdict == .insufficient
    }

    private var preparingDeadline: [Outlook] {
        guard let at = state.deadlineAt else { return [] }
        let late = Outlook(when: "if it is not ready by then", at: at, then: wayBackUnlessMachine)
        guard !rollout.waitingBeforeTraffic.isEmpty else { return [late] }
        return [late, Outlook(when: "if it is ready, but not judged by then", at: at, then: withoutData)]
    }

    private var deadline: [Outlook] {
        guard let at = state.deadlineAt else { return [] }
        let when =
            isTesting
            ? "if the test has no winner by then"
            : rollout.insufficientGates.isEmpty
                ? "if this step is not done by then" : "if gates still lack data by then"
        return [Outlook(when: when, at: at, then: withoutData)]
    }

    private var withoutData: String {
        switch spec.onInsufficient {
        case .pause:
            "it pauses until "
                + (isTesting ? "there is one, or " : rollout.isJudged ? "every gate passes, or " : "")
                + "'mlctl promote'"
        case .rollback: wayBack
        case .promote: "it is promoted without the evidence"
        }
    }

    private var wayBack: String {
        "\(returnText), and version \(version) is not tried again"
    }

    /// If the machine prevented the start, and not the model, the candidate is tried again.
    private var wayBackUnlessMachine: String {
        "\(wayBack), unless the machine is the cause"
    }

    private var returnText: String {
        guard let stable = state.stable else { return "nothing serves" }
        if isRecreating { return "version \(stable.version) is started again and takes all traffic" }
        let isMoved = rollout.weight > 0
        return "all traffic \(isMoved ? "goes to" : "stays with") version \(stable.version)"
    }

    private var endOfRollback: Outlook {
        let then = "version \(version) is retired"
        guard let stable = state.stable else { return Outlook(when: "at once", then: then) }
        guard isRecreating else { return Outlook(when: "when the proxy has moved all traffic", then: then) }
        return Outlook(
            when: "when version \(version) has stopped and version \(stable.version) is ready",
            then: "version \(stable.version) takes all traffic")
    }
}

extension RolloutStep.Action {
    fileprivate var isMirror: Bool { if case .mirror = self { true } else { false } }
}
