import Analysis
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
        return ordered.map(block).joined(separator: [""]) + (ordered.isEmpty ? [] : [""]) + [Self.summary(ordered)]
    }

    private func block(_ plan: DeploymentPlan) -> [String] {
        let mark = canvas.paint(plan.change.mark, plan.change.tone)
        let head = canvas.indented("\(plan.deployment): \(plan.text)".printable, by: 2)
        var lines = ["\(mark) \((head.first ?? "").dropFirst(2))"] + head.dropFirst()
        var rows = Rows(canvas, labelColumns: 10, indent: 4)
        for fact in plan.facts { rows.add(fact.label, fact.text, fact.tone) }
        lines += rows.lines
        return lines
    }

    /// For example `1 removed, 2 to roll out`.
    package static func summary(_ plans: [DeploymentPlan]) -> String {
        guard plans.contains(where: { $0.change != .unchanged }) else {
            return plans.isEmpty
                ? "nothing happens: there is no ModelDeployment"
                : "nothing happens: \(plans.count == 1 ? "it serves already" : "all \(plans.count) serve already")"
        }
        let counts = DeploymentPlan.Change.ordered.compactMap { change -> String? in
            let count = plans.count { $0.change == change }
            return count > 0 ? "\(count) \(change.noun)" : nil
        }
        return counts.joined(separator: ", ")
    }
}

/// One line of what a plan says of a deployment.
struct PlanFact: Hashable {
    var label: String
    var text: String
    var tone = Tone.plain
}

extension DeploymentPlan {
    /// Everything but the first sentence, in order. A list has its label only at its first line.
    var facts: [PlanFact] {
        var facts =
            change == .unchanged ? [] : [PlanFact(label: "users", text: users, tone: risks.isEmpty ? .plain : .bad)]
        guard change != .removed, change != .kept else {
            return facts + warnings.map { PlanFact(label: "to do", text: $0, tone: .warning) }
        }
        facts.append(PlanFact(label: "revision", text: revisionText))
        facts += settingChanges.map { PlanFact(label: "changes", text: $0, tone: .warning) }
        if change == .created {
            facts.append(
                PlanFact(
                    label: "steps",
                    text: "none, but for checks and approvals: nothing serves that it could be compared with"))
        } else if change.startsRollout {
            facts += list("steps", prefix: "step ", separator: ". ", lasting: forecast?.steps.map(\.text) ?? [])
            facts += durations
            facts += list("gates", prefix: "gate ", separator: ": ")
            if let promise {
                facts.append(PlanFact(label: "promise", text: promise.text))
                facts += promise.assumes.enumerated().map {
                    PlanFact(label: $0.offset == 0 ? "assumes" : "", text: $0.element)
                }
            }
        }
        if change.startsRollout || change == .settings {
            facts.append(PlanFact(label: "needs", text: capacity))
            if let endpoint = settings.first(where: { $0.name == "endpoint" }) {
                facts.append(PlanFact(label: "endpoint", text: endpoint.text))
            }
            if let preview { facts.append(PlanFact(label: "preview", text: preview)) }
        }
        return facts + warnings.map { PlanFact(label: "warning", text: $0, tone: .warning) }
    }

    private func list(
        _ label: String, prefix: String, separator: String, lasting: [String] = []
    ) -> [PlanFact] {
        settings.filter { $0.name.hasPrefix(prefix) }.enumerated().map { index, setting in
            let length = lasting.indices.contains(index) ? " (\(lasting[index]))" : ""
            return PlanFact(
                label: index == 0 ? label : "",
                text: "\(setting.name.dropFirst(prefix.count))\(separator)\(setting.text)\(length)")
        }
    }

    /// How long it takes, or why that is not known.
    private var durations: [PlanFact] {
        guard change == .revision, promise != nil else { return [] }
        guard let traffic else {
            return [
                PlanFact(
                    label: "takes",
                    text: "not known without the endpoint's traffic: no controller that counts it answered")
            ]
        }
        guard let forecast else {
            let why =
                traffic.isEnough
                ? "this rollout's evidence cannot be forecast" : "there were too few requests in the last minutes"
            return [PlanFact(label: "takes", text: "not known: \(why)")]
        }
        return forecast.lines.enumerated().map { index, line in
            PlanFact(label: index == 0 ? "takes" : "", text: index == 0 ? "at today's \(traffic.text), \(line)" : line)
        }
    }

    private var revisionText: String {
        let own = isRevisionFinal ? revision.rawValue : "unknown until its model files are pinned"
        guard let runningRevision, runningRevision != revision else { return own }
        return "\(runningRevision) → \(own)"
    }
}

extension DeploymentPlan.Change {
    static let ordered: [Self] = [
        .removed, .created, .revision, .settings, .kept, .quarantined, .unchanged, .unknown,
    ]

    /// Also true where the controller was not asked.
    fileprivate var startsRollout: Bool {
        switch self {
        case .created, .revision, .unknown: true
        case .settings, .unchanged, .quarantined, .removed, .kept: false
        }
    }

    fileprivate var mark: String {
        switch self {
        case .created: "+"
        case .revision, .settings: "~"
        case .unchanged: "="
        case .quarantined, .kept: "!"
        case .removed: "-"
        case .unknown: "?"
        }
    }

    fileprivate var tone: Tone {
        switch self {
        case .created: .good
        case .revision: .active
        case .settings, .kept: .warning
        case .quarantined, .removed: .bad
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
        case .removed: "to be stopped"
        case .kept: "kept as it is"
        case .unknown: "not compared"
        }
    }
}
