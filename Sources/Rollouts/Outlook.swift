import Foundation
import ModelManifests

/// Something that may happen next, and its result.
package struct Outlook: Hashable, Codable, Sendable {
    /// For example `when every gate passes`.
    package var when: String
    /// When it happens, if that is a fixed time.
    package var at: Date?
    package var then: String

    package init(when: String, at: Date? = nil, then: String) {
        self.when = when
        self.at = at
        self.then = then
    }

    /// The outlook while nothing can be recorded.
    package static let unrecorded = [
        Outlook(when: "when decisions can be recorded again", then: "it continues by itself"),
        Outlook(when: "on 'mlctl abort', or when a candidate fails", then: "the candidate leaves the traffic"),
    ]
}

extension RolloutState {
    /// What happens next, the most likely first.
    package var outlook: [Outlook] { outlook(retryRefusal: nil) }

    /// - Parameter retryRefusal: why `mlctl retry` would be refused now, as far as that does not follow from the state.
    package func outlook(retryRefusal: String?) -> [Outlook] {
        if isRemoved {
            return [Outlook(when: "when everything has drained and stopped", then: "nothing is left of it")]
        }
        if let rollout { return RolloutOutlook(state: self, rollout: rollout).next }
        return isSuspended || settings.suspend
            ? [resumption(then: "mlctl follows git again")] : restingOutlook(retryRefusal)
    }

    func resumption(then: String) -> Outlook {
        Outlook(when: settings.suspend ? "when its manifest sets 'suspend: false'" : "on 'mlctl resume'", then: then)
    }

    private func restingOutlook(_ retryRefusal: String?) -> [Outlook] {
        let version = settings.template.model.version
        if let awaited, awaited.reason != nil {
            return [
                Outlook(
                    when: "when the model files of version \(awaited.model.version) can be read",
                    then: "it is rolled out"),
                Outlook(when: "on 'mlctl retry'", then: "they are read again at once"),
            ]
        }
        let retrying = retryRefusal.map { "it is refused: \($0)" }
        if !waitsFor.isEmpty {
            return waitsFor.map {
                Outlook(when: "waits for \($0)", then: "version \(version) is rolled out once it is healthy")
            }
        }
        if stable?.template != settings.template, quarantine(of: settings.template.revision) != nil {
            return [
                Outlook(when: "when git asks for another template", then: "it is rolled out"),
                Outlook(
                    when: "on 'mlctl retry'",
                    then: retrying ?? "version \(version) is tried again, with new evidence"),
            ]
        }
        switch phase {
        case .healthy, .degraded:
            return [Outlook(when: "when git changes the model, the runtime or the resources", then: plannedText)]
        case .failed:
            return [
                Outlook(when: "when an instance is ready again", then: "it serves as before"),
                Outlook(when: "when git asks for another template", then: "it is deployed at once"),
            ]
        case .rolledBack:
            guard let retrying else {
                return [
                    Outlook(when: "when git asks for another template, or on 'mlctl retry'", then: "it is rolled out")
                ]
            }
            return [
                Outlook(when: "when git asks for another template", then: "it is rolled out"),
                Outlook(when: "on 'mlctl retry'", then: retrying),
            ]
        case .idle, .preparing, .progressing, .paused, .promoting, .probation, .rollingBack: return []
        }
    }

    private var plannedText: String {
        let room = Rollout.CapacityMode(settings)
        let steps = settings.rollout.steps.filter { room != .recreate || !$0.action.movesTraffic }.map(\.text)
        let order = room == .recreate ? ["the old one stops first"] : []
        return "the new revision is rolled out: \(settings.rollout.strategy.rawValue), "
            + (order + steps + (room == .recreate ? ["it takes all traffic"] : [])).joined(separator: " → ")
    }
}

extension RolloutStep.Action {
    fileprivate var movesTraffic: Bool {
        switch self {
        case .setWeight, .mirror: true
        case .pause, .gate, .approval: false
        }
    }
}
