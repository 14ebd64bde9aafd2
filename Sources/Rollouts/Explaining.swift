import Foundation
import ModelManifests

/// What a state means, for people.
extension RolloutState {
    /// How the message begins once the candidate is ready, and not yet let to any traffic.
    static let judgedBeforeTraffic = "judged before any traffic"

    /// What the rollout waits for; nil where it waits for nothing.
    public var waitingFor: String? {
        guard let rollout else {
            if !waitsFor.isEmpty { return waitsFor.joined(separator: ", ") }
            return quarantine(of: settings.template.revision) == nil
                ? nil : "another template in git, or 'mlctl retry'"
        }
        if isSuspended || settings.suspend { return "'mlctl resume': it is suspended" }
        switch phase {
        case .preparing:
            let judged = rollout.waitingBeforeTraffic
            if message.hasPrefix(Self.judgedBeforeTraffic) {
                return "evidence before any traffic: \(judged.joined(separator: ", "))"
            }
            return "ready instances of version \(rollout.candidate.version)"
                + (judged.isEmpty ? "" : ", then before any traffic: \(judged.joined(separator: ", "))")
        case .promoting, .rollingBack: return "the proxy to move the traffic"
        case .probation: return "the end of its probation"
        case .progressing, .paused: return rollout.waitingFor(settings)
        case .idle, .healthy, .rolledBack, .failed: return nil
        }
    }

    /// When the progress deadline comes, if nothing else does; nil while it does not run.
    public var deadlineAt: Date? {
        guard let rollout, phase == .preparing || phase == .progressing, rollout.hold == nil else { return nil }
        let left = settings.rollout.progressDeadline - rollout.progressSpent
        return decidedAt.addingTimeInterval(max(left, .zero) / .seconds(1))
    }
}

extension Rollout {
    func waitingFor(_ settings: ModelDeployment) -> String {
        switch hold {
        case .byOperator: return "'mlctl resume'"
        case .gateFailed(let name): return "a person: gate \(name) failed ('mlctl abort', 'retry' or 'promote')"
        case .insufficientEvidence: return "evidence: \(insufficientGates.joined(separator: ", ")) (or 'mlctl promote')"
        case nil: break
        }
        guard let step = currentStep(of: settings.rollout) else { return "the promotion" }
        let evidence = "evidence: \(insufficientGates.joined(separator: ", "))"
        switch step.action {
        case .approval: return "approval: 'mlctl promote'"
        case .pause(nil): return "'mlctl promote'"
        case .pause(let duration?): return "the end of a pause of \(duration.goText)"
        case .gate(let name): return "evidence: \(name)"
        case .setWeight(100):
            guard weight == 0, mirror == 0, settings.endpoint.generate == nil else { return evidence }
            return "\(evidence); no step has given it traffic (add '- setWeight: 5', or 'mlctl promote')"
        case .mirror: return step.advance == .evidence ? evidence : "the proxy to copy the traffic"
        case .setWeight: return step.advance == .evidence ? evidence : "the proxy to move the traffic"
        }
    }
}

extension RolloutStep {
    /// Such as `set weight 25 %`.
    public var text: String {
        let base =
            switch action {
            case .setWeight(let weight): "set weight \(weight) %"
            case .mirror(let share): "copy \(share) % to the candidate"
            case .pause(let duration?): "pause \(duration.goText)"
            case .pause(nil): "pause until 'mlctl promote'"
            case .gate(let name): "gate \(name)"
            case .approval: "approval"
            }
        return advance == .evidence ? "\(base), or until all gates pass" : base
    }
}
