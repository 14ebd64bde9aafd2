import ControlPorts
import Foundation
import ModelManifests
import Rollouts

/// The output of `mlctl status NAME`: everything about one deployment.
package struct StatusDetail {
    package let deployment: DeploymentStatus
    package let sources: [SourceStatus]
    package let now: Date
    package let canvas: Canvas

    private static let labelColumns = 14

    package init(deployment: DeploymentStatus, sources: [SourceStatus], now: Date, canvas: Canvas) {
        self.deployment = deployment
        self.sources = sources
        self.now = now
        self.canvas = canvas
    }

    package func lines() -> [String] {
        sections.filter { !$0.isEmpty }.joined(separator: [""])
            + SourceProblems.lines(ownSources, for: deployment.key, on: canvas)
    }

    /// The repositories of the deployment's project.
    private var ownSources: [SourceStatus] {
        sources.count == 1 ? sources : sources.filter { $0.project == deployment.project }
    }

    private var sections: [[String]] {
        [facts, revisions, instances, gates, quarantine, conditions, reasons.lines(on: canvas, indent: 2), source]
    }

    /// The reasons that the gates' section shows.
    private var gateReasons: ShownReasons { ShownReasons(deployment.gates.map(\.reason)) }

    private var reasons: SharedReasons {
        let texts = [deployment.message] + deployment.quarantined.map(\.reason) + deployment.conditions.map(\.message)
        return SharedReasons(of: texts.map(gateReasons.shortened))
    }

    /// Without a reason that another part of the screen shows.
    private func shortened(_ text: String) -> String { reasons.shortened(gateReasons.shortened(text)) }

    private var facts: [String] {
        var lines = [canvas.paint(canvas.fitted(deployment.key.description), .heading)]
        lines.append(field("Phase", deployment.phaseText(now: now), deployment.tone))
        if let text = deployment.ageText(now: now) { lines.append(field("", text, .warning)) }
        if !deployment.message.isEmpty { lines.append(field("Message", shortened(deployment.message))) }
        if let step = deployment.step { lines.append(field("Step", "\(step.position)  \(step.description)")) }
        lines += waiting
        if let deadline = deployment.deadlineAt {
            lines.append(field("Deadline", RelativeTime.text(deadline, now: now)))
        }
        if let project = deployment.project {
            if sources.count > 1 { lines.append(field("Project", project)) }
        } else {
            lines.append(field("Project", "none in the controller's settings", .warning))
        }
        lines.append(field("Endpoint", deployment.endpoint ?? "not open"))
        lines += traffic
        if let preview = deployment.preview {
            lines.append(field("Preview", preview))
            if let command = PreviewForwarding.command(preview) { lines.append(field("", command, .faint)) }
        }
        return lines
    }

    private var waiting: [String] {
        guard let text = deployment.waitText else { return [] }
        var lines = [field("Waiting for", text, deployment.isTimedPause ? .active : .warning)]
        if let time = deployment.waitTime(now: now) { lines.append(field("", time)) }
        if let remedy = deployment.waiting?.remedy { lines.append(field("What to do", remedy)) }
        return lines
    }

    /// Requests that reached no instance or were cut off; only where there were any.
    private var traffic: [String] {
        var lines: [String] = []
        if let split = deployment.split {
            lines.append(field("Split", split.reason, split.isMismatched ? .bad : .plain))
        }
        if let costs = CostDescription.line(deployment) { lines.append(field("Cost", costs)) }
        if let check = deployment.selfCheck, check.isBroken {
            lines.append(field("Self-check", check.reason, .warning))
        }
        if let cut = deployment.cutRequests {
            lines.append(field("Cut off", "\(cut) requests that took longer than the drain timeout", .warning))
        }
        if let refused = deployment.refusedConnections {
            lines.append(field("Refused", "\(refused) connections that no instance accepted", .warning))
        }
        for revision in [deployment.stable, deployment.candidate].compactMap(\.self) {
            if let unavailable = revision.unavailable {
                let text = "\(unavailable) requests for version \(revision.version), which could not accept them"
                lines.append(field("Unavailable", text, .warning))
            }
            if let abandoned = revision.abandoned {
                let text = "\(abandoned) clients of version \(revision.version) gave up before it answered"
                lines.append(field("Abandoned", text, .warning))
            }
        }
        return lines
    }

    /// Only instances with a problem are listed.
    private var instances: [String] {
        let troubled = deployment.instances.filter {
            $0.condition != "ready" || $0.ejected || $0.restarts > 0 || $0.reason != nil
        }
        guard !troubled.isEmpty else { return [] }
        var table = TextTable(["INSTANCE", "CONDITION", "RESTARTS", "REASON"], indent: 2)
        for instance in troubled {
            let condition = instance.condition + (instance.ejected ? ", without traffic" : "")
            table.add([
                "\(instance.id)", TextTable.Cell(condition, condition == "ready" ? .good : .warning),
                "\(instance.restarts)", instance.reason.map { TextTable.Cell($0) } ?? .none,
            ])
        }
        return table.lines(on: canvas)
    }

    private func field(_ label: String, _ text: String, _ tone: Tone = .plain) -> String {
        let padding = String(repeating: " ", count: max(0, Self.labelColumns - label.count - 2))
        let room = canvas.width.map { max(0, $0 - Self.labelColumns) }
        let fitted = room.map { text.printable.cut(toColumns: $0) } ?? text.printable
        return "  " + canvas.paint(label, .faint) + padding + canvas.paint(fitted, tone)
    }

    private var revisions: [String] {
        guard deployment.desired != nil || deployment.stable != nil || deployment.candidate != nil else { return [] }
        var table = TextTable(["", "VERSION", "REVISION", "WEIGHT", "READY", "COMMIT"], indent: 2)
        if let desired = deployment.desired {
            table.add([
                "desired", "\(desired.version)", "\(desired.revision)", .none, .none, "\(desired.commit.shortCommit)",
            ])
        }
        for (role, revision) in [("stable", deployment.stable), ("candidate", deployment.candidate)] {
            guard let revision else { continue }
            let isReady = revision.ready >= revision.replicas
            table.add([
                "\(role)", "\(revision.version)", "\(revision.revision)", "\(revision.weight)%",
                TextTable.Cell("\(revision.ready)/\(revision.replicas)", isReady ? .good : .warning), .none,
            ])
        }
        return table.lines(on: canvas)
    }

    private var gates: [String] {
        guard !deployment.gates.isEmpty else { return [] }
        var table = TextTable(["GATE", "VERDICT", "SAMPLES", "REASON"], indent: 2)
        for gate in deployment.gates {
            let reason = gate.reason + (gate.missing.map { "; \($0)" } ?? "")
            table.add(["\(gate.name)", TextTable.Cell(gate.verdictText, gate.tone), "\(gate.samples)", "\(reason)"])
        }
        let lines = table.lines(on: canvas)
        return lines + deployment.gates.filter { $0.verdict == "fail" }.flatMap { wholeReason(of: $0, below: lines) }
    }

    /// The reason of a failed gate, where the table cuts it.
    private func wholeReason(of gate: GateSummary, below table: [String]) -> [String] {
        guard !table.contains(where: { $0.contains(gate.reason.printable) }) else { return [] }
        var rows = Rows(canvas, labelColumns: gate.name.printable.columns + 2)
        rows.add(gate.name, gate.reason)
        return rows.lines
    }

    private var quarantine: [String] {
        guard !deployment.quarantined.isEmpty else { return passedOver }
        var table = TextTable(["QUARANTINED", "REVISION", "SINCE", "REASON"], indent: 2)
        for entry in deployment.quarantined {
            table.add([
                TextTable.Cell(entry.version, .bad), "\(entry.revision)", "\(RelativeTime.text(entry.at, now: now))",
                "\(shortened(entry.reason))",
            ])
        }
        let isWanted = deployment.quarantined.contains { $0.revision == deployment.desired?.revision }
        let advice = "git still asks for it: fix the model, or run 'mlctl retry \(deployment.key)' to try it again"
        return table.lines(on: canvas) + (isWanted ? canvas.wrapped("  " + advice) : []) + passedOver
    }

    private var passedOver: [String] {
        guard let entries = deployment.passedOver else { return [] }
        var table = TextTable(["NO ROLLBACK TO", "REVISION", "SINCE", "REASON"], indent: 2)
        for entry in entries {
            table.add([
                TextTable.Cell(entry.version, .warning), "\(entry.revision)",
                "\(RelativeTime.text(entry.at, now: now))", "\(entry.reason)",
            ])
        }
        let advice = "'mlctl rollback \(deployment.key) --to REVISION --force' rolls back to it anyway"
        return table.lines(on: canvas) + canvas.wrapped("  " + advice)
    }

    private var conditions: [String] {
        guard !deployment.conditions.isEmpty else { return [] }
        var table = TextTable(["CONDITION", "STATUS", "REASON", "MESSAGE"], indent: 2)
        for condition in deployment.conditions {
            table.add([
                "\(condition.type)", "\(condition.status)", "\(condition.reason)", "\(shortened(condition.message))",
            ])
        }
        return table.lines(on: canvas)
    }

    private var source: [String] {
        ownSources.flatMap { source in
            let commit = source.commit.map { "at \($0.shortCommit)" } ?? "not read yet"
            let age = source.fetchedAt.map { ", read \(RelativeTime.text($0, now: now))" } ?? ""
            var lines = [canvas.fitted("  \(source.repo) (\(source.referenceText)) \(commit)\(age)".printable)]
            if let delivery = source.delivery {
                let age = RelativeTime.text(delivery.at, now: now)
                lines += canvas.wrapped("  webhook of \(delivery.sender) \(age): \(delivery.outcome)".printable)
            }
            return lines
        }
    }
}
