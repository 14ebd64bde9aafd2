import ModelManifests
import Rollouts

/// `mlctl plan`: what would happen, deployment by deployment.
struct PlanText {
    let plans: [DeploymentPlan]
    let canvas: Canvas

    func lines() -> [String] {
        let ordered = plans.sorted { $0.deployment < $1.deployment }
        return ordered.map(block).joined(separator: [""]) + ["", summary(ordered)]
    }

    private func block(_ plan: DeploymentPlan) -> [String] {
        let mark = canvas.paint(plan.change.mark, plan.change.tone)
        let head = canvas.indented("\(plan.deployment): \(plan.text)".printable, by: 2)
        var lines = ["\(mark) \((head.first ?? "").dropFirst(2))"] + head.dropFirst()
        var rows = Rows(canvas, labelColumns: 10, indent: 4)
        rows.add("revision", revision(plan))
        for change in plan.settingChanges { rows.add("changes", change, .warning) }
        if plan.change != .unchanged {
            for (label, prefix) in [("steps", "step "), ("gates", "gate ")] {
                for (index, setting) in plan.settings.filter({ $0.name.hasPrefix(prefix) }).enumerated() {
                    let name = String(setting.name.dropFirst(prefix.count))
                    rows.add(
                        index == 0 ? label : "",
                        prefix == "step " ? "\(name). \(setting.text)" : "\(name): \(setting.text)")
                }
            }
            rows.add("at most", plan.capacity)
            if let endpoint = plan.settings.first(where: { $0.name == "endpoint" }) {
                rows.add("endpoint", endpoint.text)
            }
        }
        lines += rows.lines
        return lines
    }

    private func revision(_ plan: DeploymentPlan) -> String {
        let own = plan.isRevisionFinal ? plan.revision.rawValue : "known once its model files are pinned"
        guard let running = plan.runningRevision, running != plan.revision else { return own }
        return "\(running) → \(own)"
    }

    private func summary(_ plans: [DeploymentPlan]) -> String {
        let counts = DeploymentPlan.Change.ordered.compactMap { change -> String? in
            let count = plans.count { $0.change == change }
            return count > 0 ? "\(count) \(change.noun)" : nil
        }
        return counts.joined(separator: ", ")
    }
}

extension DeploymentPlan.Change {
    fileprivate static let ordered: [Self] = [.created, .revision, .settings, .unchanged, .quarantined, .unknown]

    fileprivate var mark: String {
        switch self {
        case .created: "+"
        case .revision, .settings: "~"
        case .unchanged: "="
        case .quarantined: "!"
        case .unknown: "?"
        }
    }

    fileprivate var tone: Tone {
        switch self {
        case .created: .good
        case .revision: .active
        case .settings: .warning
        case .quarantined: .bad
        case .unchanged, .unknown: .plain
        }
    }

    fileprivate var noun: String {
        switch self {
        case .created: "new"
        case .revision: "to roll out"
        case .settings: "with other settings"
        case .unchanged: "unchanged"
        case .quarantined: "quarantined"
        case .unknown: "not compared"
        }
    }
}
