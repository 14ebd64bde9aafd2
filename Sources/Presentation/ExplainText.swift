import Analysis
import ControlPorts
import Foundation
import ModelManifests
import Rollouts

/// The output of `mlctl explain`: why a deployment is as it is, what happens next, and what to do.
package struct ExplainText {
    package let explanation: DeploymentExplanation
    package let now: Date
    package let canvas: Canvas

    /// The newest events are shown; `mlctl events` has all.
    package static let eventLimit = 40
    /// The newest failed requests are shown; the JSON output has all that are known.
    package static let failedRequestLimit = 5

    package init(explanation: DeploymentExplanation, now: Date, canvas: Canvas) {
        self.explanation = explanation
        self.now = now
        self.canvas = canvas
    }

    private var status: DeploymentStatus { explanation.status }
    /// The gates' reasons, which the section about gates shows.
    private var gateReasons: [String] { explanation.gates.map(\.summary.reason) }
    /// The reasons that the events and the quarantine need not repeat.
    private var shownReasons: ShownReasons {
        ShownReasons(gateReasons + (explanation.rollback.map { [$0.event.message] } ?? []))
    }

    package func lines() -> [String] {
        [headline, facts, rollback, outlook, gates, failedRequests, steps, events, quarantine, passedOver, advice]
            .filter {
                !$0.isEmpty
            }
            .joined(separator: [""]).map(\.self)
    }

    // MARK: Current state

    private var headline: [String] {
        canvas.wrapped("\(status.key): \(StatusSummary.headline(status))".printable).map { canvas.paint($0, .heading) }
    }

    private var facts: [String] {
        var rows = Rows(canvas, labelColumns: 13)
        rows.add("phase", status.phaseText(now: now), status.tone)
        if let text = status.ageText(now: now) { rows.add("", text, .warning) }
        if !status.message.isEmpty, explanation.rollback == nil {
            rows.add("because", ShownReasons(gateReasons).shortened(status.message))
        }
        if let step = status.step { rows.add("step", "\(step.position)  \(step.description)") }
        if let traffic = StatusSummary.traffic(status) { rows.add("traffic", traffic) }
        if let split = status.split { rows.add("split", split.reason, split.isMismatched ? .bad : .plain) }
        for left in explanation.leftOut ?? [] {
            rows.add(
                "left out",
                "\(left.requests) requests of version \(left.version) are in no gate's evidence: one instance answered them "
                    + "much worse than its siblings", .warning)
        }
        if let costs = CostDescription.line(status) { rows.add("cost", costs) }
        if let check = status.selfCheck { rows.add("self-check", check.reason, check.isBroken ? .warning : .plain) }
        if let text = status.waitText { rows.add("waiting for", text, status.isTimedPause ? .active : .warning) }
        if let time = status.waitTime(now: now) { rows.add("how long", time) }
        if let remedy = status.waiting?.remedy { rows.add("what to do", remedy) }
        for trouble in StatusSummary.troubles(status) { rows.add("", trouble, .warning) }
        if let note = status.conditions.first(where: { $0.type == Condition.predictionsJudged }) {
            rows.add("note", note.message)
        }
        if let preview = status.preview {
            rows.add("preview", preview)
            if let command = PreviewForwarding.command(preview) { rows.add("", command) }
        }
        return rows.lines
    }

    private var outlook: [String] {
        let labels = explanation.outlook.map { outlook in
            outlook.when + (outlook.at.map { " (\(RelativeTime.text($0, now: now)))" } ?? "")
        }
        var rows = Rows(canvas, labelColumns: (labels.map(\.columns).max() ?? 0) + 2)
        for (label, outlook) in zip(labels, explanation.outlook) { rows.add(label, outlook.then) }
        return section("What happens next", rows.lines)
    }

    // MARK: The evidence

    package var gates: [String] {
        let blocks = explanation.gates.flatMap { gate in
            var rows = Rows(canvas, labelColumns: 9, indent: 4)
            if let words = gate.words { rows.add("question", words.asks) }
            rows.add("found", gate.summary.reason)
            if let missing = gate.summary.missing { rows.add("missing", missing) }
            if let words = gate.words {
                rows.add("passes", words.passes)
                rows.add("fails", words.fails)
                if let assumes = words.assumes { rows.add("assumes", assumes) }
            }
            if gate.summary.warnOnly { rows.add("then", "the failure is only reported (warnOnly)") }
            return head(of: gate.summary) + rows.lines
        }
        return section(explanation.rollback == nil ? "Gates" : "Gates at the time of the rollback", blocks)
    }

    private var failedRequests: [String] {
        let shown = explanation.failedRequestIds.suffix(Self.failedRequestLimit)
        return section("The last failed requests", shown.flatMap { canvas.indented($0.printable, by: 2) })
    }

    private func head(of gate: GateSummary) -> [String] {
        let verdict = "\(gate.verdictText), \(gate.samples == 1 ? "1 sample" : "\(gate.samples) samples")"
        var rows = Rows(canvas, labelColumns: gate.name.printable.columns + 2, labelTone: .heading)
        rows.add(gate.name, verdict, gate.tone)
        return rows.lines
    }

    private var steps: [String] {
        var rows = Rows(canvas, labelColumns: 6)
        for (index, step) in explanation.steps.enumerated() {
            let place = ["\(index + 1)", step.place == .current ? "→" : ""].filter { !$0.isEmpty }
            rows.add(place.joined(separator: " "), step.description, step.place.tone)
        }
        return section("Steps", rows.lines)
    }

    private var events: [String] {
        let shown = explanation.events.suffix(Self.eventLimit)
        guard !shown.isEmpty else { return [] }
        var table = TextTable(["WHEN", "EVENT", "MESSAGE"], indent: 2)
        for stored in shown {
            let actor = stored.event.actor.map { " (\(EventLines.actor($0, stored.event)))" } ?? ""
            table.add([
                "\(RelativeTime.text(stored.event.at, now: now))",
                TextTable.Cell(stored.event.kind.rawValue, EventLines.tone(stored.event.kind)),
                "\(shownReasons.shortened(stored.event.message))\(actor)",
            ])
        }
        let left = explanation.events.count - shown.count
        let more = left > 0 ? ["  … \(left) earlier: mlctl events \(status.key)"] : []
        return section(
            status.candidate == nil ? "Events of the last rollout" : "Events so far", more + table.lines(on: canvas))
    }

    // MARK: Rollback, quarantine and advice

    private var rollback: [String] {
        guard let rollback = explanation.rollback?.event else { return [] }
        var rows = Rows(canvas, labelColumns: 13)
        rows.add("when", "\(RelativeTime.text(rollback.at, now: now)) (\(RelativeTime.clock(rollback.at)))")
        rows.add("why", ShownReasons(gateReasons).shortened(rollback.message), .bad)
        if let actor = rollback.actor { rows.add("by", EventLines.actor(actor, rollback)) }
        if let left = explanation.left {
            rows.add(
                "left",
                ["version \(left.version)", left.revision.map { "revision \($0)" }].compactMap(\.self)
                    .joined(separator: ", "))
        } else if let revision = rollback.revision {
            rows.add("what", ["version \(rollback.version ?? "?")", "revision \(revision)"].joined(separator: ", "))
        }
        if let commit = rollback.commit { rows.add("commit", commit.shortCommit) }
        return section("Why it was rolled back", rows.lines)
    }

    private var quarantine: [String] {
        var rows = Rows(canvas, labelColumns: 13)
        for entry in status.quarantined {
            let what = "version \(entry.version), \(RelativeTime.text(entry.at, now: now))"
            let isSaid = entry.reason == explanation.rollback?.event.message
            rows.add(entry.revision.rawValue, isSaid ? what : "\(what): \(shownReasons.shortened(entry.reason))")
        }
        return section("Not tried again", rows.lines)
    }

    private var passedOver: [String] {
        var rows = Rows(canvas, labelColumns: 13)
        for entry in status.passedOver ?? [] {
            rows.add(
                entry.revision.rawValue,
                "version \(entry.version), \(RelativeTime.text(entry.at, now: now)): \(entry.reason)")
        }
        return section("Passed over by a rollback ('--to REVISION --force' goes back all the same)", rows.lines)
    }

    private var advice: [String] {
        section("What to do", StatusSummary.advice(explanation).flatMap { canvas.indented($0, by: 2) })
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : [canvas.paint(title, .heading)] + lines
    }
}

/// Rows with a label on the left and wrapped text on the right.
package struct Rows {
    private let canvas: Canvas
    private let labelColumns: Int
    private let indent: Int
    private let labelTone: Tone
    package private(set) var lines: [String] = []

    package init(_ canvas: Canvas, labelColumns: Int, indent: Int = 2, labelTone: Tone = .faint) {
        self.canvas = canvas
        self.labelColumns = labelColumns
        self.indent = indent
        self.labelTone = labelTone
    }

    package mutating func add(_ label: String, _ text: String, _ tone: Tone = .plain) {
        let label = label.printable
        let margin = String(repeating: " ", count: indent)
        let isNarrow = label.columns + 1 > labelColumns || canvas.width.map { $0 < labelColumns + indent + 20 } == true
        let hanging = isNarrow ? indent + 4 : indent + labelColumns
        let wrapped = canvas.indented(text.printable, by: hanging)
        let painted = wrapped.map { line in
            String(line.prefix(hanging)) + canvas.paint(String(line.dropFirst(hanging)), tone)
        }
        guard !isNarrow, let first = painted.first else {
            lines += canvas.indented(label, by: indent).map { canvas.paint($0, labelTone) } + painted
            return
        }
        let padding = String(repeating: " ", count: labelColumns - label.columns)
        lines.append(margin + canvas.paint(label, labelTone) + padding + first.dropFirst(hanging))
        lines += painted.dropFirst()
    }
}

extension Canvas {
    /// Wraps the text to the width that the indentation leaves.
    package func indented(_ text: String, by indent: Int) -> [String] {
        let room = width.map { max(8, $0 - indent) }
        return Canvas(width: room).wrapped(text).map { String(repeating: " ", count: indent) + $0 }
    }
}

extension StepExplanation.Place {
    fileprivate var tone: Tone {
        switch self {
        case .done: .faint
        case .current: .active
        case .ahead: .plain
        }
    }
}
