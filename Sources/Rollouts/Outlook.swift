import Foundation
import ModelManifests

/// Something that may happen next, and what would follow.
public struct Outlook: Hashable, Codable, Sendable {
    /// Such as `when every gate passes`.
    public var when: String
    /// Where it comes by the clock.
    public var at: Date?
    public var then: String

    public init(when: String, at: Date? = nil, then: String) {
        self.when = when
        self.at = at
        self.then = then
    }
}

extension RolloutState {
    /// What would happen next, the most expected first.
    public var outlook: [Outlook] {
        if isRemoved {
            return [Outlook(when: "when everything has drained and stopped", then: "nothing is left of it")]
        }
        guard let rollout else { return restingOutlook }
        if isSuspended || settings.suspend {
            return [Outlook(when: "on 'mlctl resume'", then: "the rollout goes on where it is")]
        }
        switch phase {
        case .preparing: return [readiness(of: rollout)] + deadline(of: rollout)
        case .progressing, .paused: return stepOutlook(rollout) + failure(of: rollout) + deadline(of: rollout)
        case .promoting: return [promotion(of: rollout)]
        case .probation: return [endOfProbation(of: rollout)] + failure(of: rollout)
        case .rollingBack:
            return [
                Outlook(when: "when the proxy has moved all traffic", then: "version \(rollout.version) is retired")
            ]
        case .idle, .healthy, .rolledBack, .failed: return []
        }
    }

    private var restingOutlook: [Outlook] {
        let version = settings.template.model.version
        if !waitsFor.isEmpty {
            return waitsFor.map {
                Outlook(when: "waits for \($0)", then: "version \(version) is rolled out once it is healthy")
            }
        }
        if quarantine(of: settings.template.revision) != nil {
            return [
                Outlook(when: "when git asks for another template", then: "it is rolled out"),
                Outlook(when: "on 'mlctl retry'", then: "version \(version) is tried again, with new evidence"),
            ]
        }
        switch phase {
        case .healthy:
            return [Outlook(when: "when git changes the model, the runtime or the resources", then: plannedText)]
        case .failed:
            return [
                Outlook(when: "when an instance is ready again", then: "it serves as before"),
                Outlook(when: "when git asks for another template", then: "it is deployed at once"),
            ]
        case .rolledBack:
            return [Outlook(when: "when git asks for another template, or on 'mlctl retry'", then: "it is rolled out")]
        default: return []
        }
    }

    private var plannedText: String {
        let steps = settings.rollout.steps.map(\.text).joined(separator: " → ")
        return "the new revision is rolled out: \(settings.rollout.strategy.rawValue), \(steps)"
    }

    private func readiness(of rollout: Rollout) -> Outlook {
        let count = settings.replicas == 1 ? "its instance is" : "its \(settings.replicas) instances are"
        let then =
            switch rollout.purpose {
            case .restore: "it takes all traffic"
            case .first: "the endpoint opens"
            case .release where rollout.passesBeforeTraffic: stepText(0)
            case .release:
                "judged before any traffic by \(rollout.waitingBeforeTraffic.joined(separator: ", ")), then \(stepText(0))"
            }
        return Outlook(when: "when \(count) ready", then: then)
    }

    private func stepText(_ index: Int) -> String {
        let steps = settings.rollout.steps
        guard index < steps.count else { return "it is promoted" }
        return "step \(index + 1) of \(steps.count): \(steps[index].text)"
    }

    private func stepOutlook(_ rollout: Rollout) -> [Outlook] {
        let next = stepText(rollout.stepIndex + 1)
        switch rollout.hold {
        case .byOperator: return [Outlook(when: "on 'mlctl resume'", then: "the rollout goes on where it is")]
        case .gateFailed(let name):
            return [
                Outlook(when: "on 'mlctl promote'", then: "it goes on past gate \(name)"),
                Outlook(when: "on 'mlctl abort'", then: wayBack(from: rollout)),
            ]
        case .insufficientEvidence:
            return [
                Outlook(when: "when every gate passes", then: "it goes on by itself"),
                Outlook(when: "on 'mlctl promote'", then: "it goes on without the evidence"),
            ]
        case nil: break
        }
        guard let step = rollout.currentStep(of: settings.rollout) else { return [promotion(of: rollout)] }
        let isByEvidence = step.advance == .evidence
        switch step.action {
        case .approval, .pause(nil): return [Outlook(when: "on 'mlctl promote'", then: next)]
        case .pause(let duration?):
            let end = rollout.stepStartedAt.addingTimeInterval(duration.seconds)
            let early = isByEvidence ? [Outlook(when: "when every gate passes", then: next)] : []
            return early + [Outlook(when: "when the pause is over", at: end, then: next)]
        case .gate(let name): return [Outlook(when: "when gate \(name) passes", then: next)]
        case .setWeight(100): return [Outlook(when: "when every gate passes", then: "it is promoted")]
        case .setWeight, .mirror:
            let when = isByEvidence ? "when every gate passes" : "when the proxy has taken over"
            return [Outlook(when: when, then: next)]
        }
    }

    private func promotion(of rollout: Rollout) -> Outlook {
        let then =
            settings.rollout.probation.map { "version \(rollout.version) is on probation for \($0.duration.goText)" }
            ?? "version \(rollout.version) is stable"
        return Outlook(when: "when the proxy has moved all traffic", then: then)
    }

    private func endOfProbation(of rollout: Rollout) -> Outlook {
        let duration = settings.rollout.probation?.duration ?? .zero
        let old = stable.map { "version \($0.version) is retired" } ?? "nothing else serves"
        return Outlook(
            when: "when its probation is over", at: rollout.stepStartedAt.addingTimeInterval(duration.seconds),
            then: "version \(rollout.version) is stable; \(old)")
    }

    /// A gate that passed may still fail.
    private func failure(of rollout: Rollout) -> [Outlook] {
        guard !rollout.judgement.evidence.isEmpty, rollout.hold == nil else { return [] }
        let then = settings.rollout.onFailure == .rollback ? wayBack(from: rollout) : "it waits for a person"
        return [Outlook(when: "if a gate fails", then: then)]
    }

    private func deadline(of rollout: Rollout) -> [Outlook] {
        guard let deadlineAt else { return [] }
        guard phase != .preparing else {
            return [Outlook(when: "if it is not ready by then", at: deadlineAt, then: wayBack(from: rollout))]
        }
        let then =
            switch settings.rollout.onInsufficient {
            case .pause: "it pauses until they do, or 'mlctl promote'"
            case .rollback: wayBack(from: rollout)
            case .promote: "it is promoted without the evidence"
            }
        return [Outlook(when: "if gates still lack data by then", at: deadlineAt, then: then)]
    }

    private func wayBack(from rollout: Rollout) -> String {
        let traffic = stable.map { "all traffic goes to version \($0.version)" } ?? "nothing serves"
        return "\(traffic), and version \(rollout.version) is not tried again"
    }
}

extension Rollout {
    fileprivate var version: String { candidate.version }
}
