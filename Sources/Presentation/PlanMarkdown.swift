import ModelManifests
import Rollouts
import SafeText

/// The output of `mlctl plan -o markdown`: a comment on a pull request.
package struct PlanMarkdown {
    package let plans: [DeploymentPlan]
    /// What the plan is compared with, for example `commit 1a2b3c4d5e6f`; nil where that is nothing.
    package let base: String?
    /// What the plan does not know.
    package let notes: [String]

    /// GitHub and GitLab refuse comments over about 65,000 characters.
    static let charactersMax = 60_000
    /// The first line, by which a later run finds its own comment.
    package static let marker = "<!-- mlctl plan -->"

    package init(plans: [DeploymentPlan], base: String?, notes: [String]) {
        (self.plans, self.base, self.notes) = (plans, base, notes)
    }

    package var text: String {
        let ordered = plans.sorted { ($0.riskOrder, $0.deployment) < ($1.riskOrder, $1.deployment) }
        let changed = ordered.filter { $0.change != .unchanged }
        var lines = [Self.marker, "### mlctl plan: \(Escape.markdown(PlanText.summary(plans)))", ""]
        if changed.isEmpty {
            lines.append("Everything that these files ask for serves already.")
        } else {
            lines += ["| | deployment | what happens | what users notice |", "|---|---|---|---|"]
            lines += changed.map { plan in
                "| \(plan.sign) | `\(Escape.markdownCode("\(plan.deployment)"))` | \(Escape.markdown(plan.text)) | "
                    + "\(Escape.markdown(plan.users)) |"
            }
        }
        lines += changed.flatMap(details)
        let compared = base.map { "Compared with \(Escape.markdown($0))." }
        let known = ([compared].compactMap(\.self) + notes.map { "Not known: \(Escape.markdown($0))." })
        if !known.isEmpty { lines += ["", known.joined(separator: " ")] }
        return fitted(lines) + "\n"
    }

    private func details(_ plan: DeploymentPlan) -> [String] {
        // What users notice is in the table.
        var groups: [(label: String, texts: [String])] = []
        for fact in plan.facts.dropFirst() {
            if fact.label.isEmpty, !groups.isEmpty {
                groups[groups.count - 1].texts.append(fact.text)
            } else {
                groups.append((fact.label, [fact.text]))
            }
        }
        guard !groups.isEmpty else { return [] }
        let rows = groups.flatMap { label, texts in
            texts.count == 1
                ? ["- **\(label)**: \(Escape.markdown(texts[0]))"]
                : ["- **\(label)**"] + texts.map { "  - \(Escape.markdown($0))" }
        }
        return ["", "<details><summary><code>\(Escape.xml("\(plan.deployment)"))</code></summary>", ""] + rows
            + ["", "</details>"]
    }

    /// Leaves out whole details from the end, and says so.
    private func fitted(_ lines: [String]) -> String {
        let text = lines.joined(separator: "\n")
        guard text.count > Self.charactersMax else { return text }
        let end = "\n\nThe rest is left out: `mlctl plan` shows all of it."
        var kept: [String] = []
        var length = end.count
        for line in lines where length + line.count + 1 <= Self.charactersMax {
            kept.append(line)
            length += line.count + 1
        }
        // A block that was cut is closed.
        let open = kept.count { $0.hasPrefix("<details>") } - kept.count { $0 == "</details>" }
        return kept.joined(separator: "\n") + (open > 0 ? "\n</details>" : "") + end
    }
}

extension DeploymentPlan {
    /// What matters most comes first.
    fileprivate var riskOrder: Int {
        risks.contains(.removal) ? 0 : risks.contains(.outage) ? 1 : change == .kept ? 2 : 3
    }

    fileprivate var sign: String {
        if !risks.isEmpty { return "⚠️" }
        return switch change {
        case .created: "➕"
        case .revision: "🔄"
        case .settings: "⚙️"
        case .removed: "➖"
        case .kept, .quarantined: "⏸️"
        case .unchanged, .unknown: ""
        }
    }
}
