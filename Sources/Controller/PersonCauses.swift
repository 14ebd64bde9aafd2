import ControlPorts
import Rollouts

extension RolloutState {
    /// Why the rollout, or the deployment at rest, does not continue without a person; nil if it does.
    /// - Parameter wait: what it waits for.
    func personCause(_ wait: Wait?) -> PersonCause? {
        guard let wait else { return phase == .failed ? .cannotServe : phase == .rolledBack ? .heldOff : nil }
        guard wait.needsPerson else { return nil }
        if isSuspended || settings.suspend, rollout != nil || stable?.template != settings.template {
            return .suspended
        }
        if let hold = rollout?.hold {
            switch hold {
            case .byOperator: return .operatorPause
            case .gateFailed: return .gateFailed
            case .unavailable: return .unavailable
            case .splitMismatch: return .splitMismatch
            case .outsidePolicy: return .outsidePolicy
            case .stepsEdited: return .approval
            case .insufficientEvidence, .trafficUnconfirmed: return .other
            }
        }
        if let step = rollout?.currentStep(of: settings.rollout) {
            switch step.action {
            case .approval: return .approval
            case .pause: return .pause
            case .setWeight, .mirror, .gate: return .other
            }
        }
        if phase == .failed { return .cannotServe }
        if !waitsFor.isEmpty, waitsForAbsent == true { return .dependencyMissing }
        if shortage?.isPortTaken == true { return .portTaken }
        return quarantine(of: settings.template.revision) == nil ? .other : .heldOff
    }
}
