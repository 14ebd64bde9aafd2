import ModelManifests

/// Holds a rollout whose candidate the project's policy forbids.
///
/// What serves continues to serve, whatever the policy says. A candidate outside the policy gets no further step and is not
/// promoted, neither by itself nor by a person. It can be rolled back at any time.
extension DecisionPass {
    mutating func followPolicy() {
        guard let forbidden = inputs.forbidden, let rollout = state.rollout, rollout.withdrawal == nil else { return }
        let version = rollout.candidate.version
        switch (rollout.hold, forbidden[rollout.candidate.revision]) {
        case (.outsidePolicy(let known, _)?, let reason?) where known == reason: break
        case (.outsidePolicy(_, let beside)?, let reason?):
            state.rollout?.hold = .outsidePolicy(reason, beside: beside)
            state.message = Self.outsideText(version, reason)
        case (.outsidePolicy(_, let beside)?, nil):
            let text = "the project's policy allows version \(version) now"
            transition(.released, text) { $0.rollout?.hold = beside }
            record(.resumed, text, about: rollout.candidate)
        case (let beside, let reason?):
            hold(.outsidePolicy(reason, beside: beside), .held, Self.outsideText(version, reason))
        case (_, nil): break
        }
    }

    static func outsideText(_ version: String, _ reason: String) -> String {
        "version \(version) is outside the project's policy, and its rollout is held: \(reason)"
    }

    /// Why a person cannot continue the rollout; nil if the policy allows the candidate.
    func policyRefusal(_ rollout: Rollout) -> String? {
        guard case .outsidePolicy(let reason, _)? = rollout.hold else { return nil }
        return Self.outsideText(rollout.candidate.version, reason)
            + ". Commit what the policy allows, or ask the operator to change the project's policy"
    }
}

extension Rollout {
    var isOutsidePolicy: Bool {
        guard case .outsidePolicy? = hold else { return false }
        return true
    }
}

extension RolloutState {
    static func refusedRetryText(_ version: String, _ reason: String) -> String {
        "version \(version) is outside the project's policy: \(reason). Commit what the policy allows, or have the "
            + "policy of the project changed"
    }
}
