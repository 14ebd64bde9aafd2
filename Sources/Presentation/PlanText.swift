import ModelManifests
import Rollouts

/// The output of `mlctl plan`.
package struct PlanText {
    package let plans: [DeploymentPlan]
    package let canvas: Canvas

    package init(plans: [DeploymentPlan], canvas: Canvas) {
        self.plans = plans
        self.canvas = canvas
    }

    package func lines() -> [String] {
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
        if plan.change.startsRollout {
            add("steps", plan.settings, prefix: "step ", separator: ". ", to: &rows)
            add("gates", plan.settings, prefix: "gate ", separator: ": ", to: &rows)
            if let promise = plan.promise {
                rows.add("promise", promise.text)
                for (index, assumption) in promise.assumes.enumerated() {
                    rows.add(index == 0 ? "assumes" : "", assumption)
                }
            }
        }
        if plan.change.startsRollout || plan.change == .settings {
            rows.add("needs", plan.capacity)
            if let endpoint = plan.settings.first(where: { $0.name == "endpoint" }) {
                rows.add("endpoint", endpoint.text)
            }
            if let preview = plan.preview { rows.add("preview", preview) }
        }
        for warning in plan.warnings { rows.add("warning", warning, .warning) }
        lines += rows.lines
        return lines
    }

    /// Adds the settings of one kind under one label.
    private func add(
        _ label: String, _ settings: [SettingDescription], prefix: String, separator: String, to rows: inout Rows
    ) {
        for (index, setting) in settings.filter({ $0.name.hasPrefix(prefix) }).enumerated() {
            rows.add(index == 0 ? label : "", "\(setting.name.dropFirst(prefix.count))\(separator)\(setting.text)")
        }
    }

    private func revision(_ plan: DeploymentPlan) -> String {
        let own = plan.isRevisionFinal ? plan.revision.rawValue : "unknown until its model files are pinned"
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

    /// Also true where the controller was not asked.
    fileprivate var startsRollout: Bool {
        switch self {
        case .created, .revision, .unknown: true
        case .settings, .unchanged, .quarantined: false
        }
    }

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
        case .settings: "with changed settings"
        case .unchanged: "unchanged"
        case .quarantined: "quarantined"
        case .unknown: "not compared"
        }
    }
}
