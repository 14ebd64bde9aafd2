import ControlPorts
import Foundation
import ModelManifests
import Presentation
import Rollouts
import SafeText

/// One rollout from the commit to its verdict.
package struct RolloutPage: Sendable {
    var deployment: String
    /// The way back to the deployment's page.
    var back: String
    var title: String
    var version: String
    var revision: String
    var commit: String?
    var badge: Badge
    var outcome: String
    var began: String
    var total: String
    var facts: [Fact]
    var timeline: Figure?
    var stages: [Stage]
    var traffic: Figure?
    var gates: [GateView]
    var hasGates: Bool
    var events: [EventView]
    var failedRequests: [String]
    var made: String

    struct Stage: Sendable {
        var number: String
        var words: String
        var after: String
        var length: String
    }

    /// - Parameters:
    ///   - explanation: for the gates of a rollout in flight.
    ///   - entry: what the history says about the revision; nil if it has no entry.
    ///   - points: of this rollout.
    package init(
        _ trail: RolloutTrail, of explanation: DeploymentExplanation, entry: HistoryEntry?,
        traffic points: TrafficPoints,
        now: Date
    ) {
        let status = explanation.status
        let isCurrent = status.candidate?.revision == trail.revision
        let first = trail.events.first?.event
        version = first?.version ?? entry?.version ?? "?"
        deployment = status.key.description
        back = "../../\(Escape.uriPart(status.name))"
        title = "\(status.key): rollout of version \(version)"
        revision = trail.revision.rawValue
        commit = (first?.commit ?? entry?.commit)?.shortCommit
        let last = trail.events.last { Self.verdicts.contains($0.event.kind) }?.event
        badge =
            last.map { Badge(Mark(EventLines.tone($0.kind)), $0.kind.words) }
            ?? (isCurrent ? status.badge : Badge(.plain, entry?.outcome ?? "ended"))
        outcome = last?.message ?? (isCurrent ? status.message : entry?.reason ?? "")
        began = RelativeTime.clock(trail.startedAt)
        total = Numbers.span(trail.seconds) + (trail.endedAt == nil ? " so far" : "")
        facts = [
            Fact("Version", version), Fact("Revision", trail.revision.rawValue),
            commit.map { Fact("Commit", $0) }, Fact("Began", began),
            trail.endedAt.map { Fact("Ended", RelativeTime.clock($0)) }, Fact("Took", total),
        ].compactMap(\.self)
        let drawing = TimelineDrawing(stages: trail.stages)
        timeline = trail.stages.isEmpty ? nil : drawing.figure(id: "timeline")
        stages = trail.stages.enumerated().map { index, stage in
            Stage(
                number: "\(index + 1)", words: stage.words, after: Numbers.span(stage.startSeconds),
                length: stage.length)
        }
        let traffic = TrafficDrawing(points, events: trail.marks, seconds: trail.seconds)
        self.traffic = traffic.isEmpty ? nil : traffic.figure(id: "traffic")
        gates = Self.gates(trail, explanation, isCurrent: isCurrent)
        hasGates = !gates.isEmpty
        let marked = trail.marked
        let marks = trail.events.map(\.id).filter(marked.contains)
        events = trail.events.map { EventView($0, number: marks.firstIndex(of: $0.id), now: now) }
        let failed = trail.events.last { $0.event.failedRequestIds?.isEmpty == false }?.event.failedRequestIds
        failedRequests = (failed ?? []).map(\.printable)
        made = RelativeTime.clock(now)
    }

    private static let verdicts: Set<RolloutEvent.Kind> = [
        .promoted, .rolledBack, .aborted, .superseded, .rollingBack,
    ]

    /// Those of the decision, or as they are now.
    private static func gates(
        _ trail: RolloutTrail, _ explanation: DeploymentExplanation, isCurrent: Bool
    ) -> [GateView] {
        if isCurrent, trail.endedAt == nil {
            return GateView.all(explanation.gates)
        }
        let decision =
            trail.events.last { $0.event.figures != nil }
            ?? trail.events.last { !$0.event.evidence.isEmpty }
        guard let event = decision?.event else { return [] }
        let gates = event.evidence.map { summary in
            let words = explanation.gates.first { $0.summary.name == summary.name }?.words
            let figures = event.figures?.first { $0.gate == summary.name }
            return GateExplanation(summary: summary, words: words, figures: figures)
        }
        return GateView.all(gates)
    }

    /// The timeline as a file of its own.
    package static func timelineFile(_ trail: RolloutTrail, title: String) -> String {
        let drawing = TimelineDrawing(stages: trail.stages)
        return drawing.drawing(1000).file(title: title, description: drawing.description)
    }
}

/// One event in a table.
package struct EventView: Sendable {
    /// The number of its mark in the traffic's drawing; nil without a mark.
    var number: String?
    var when: Moment
    var badge: Badge
    var version: String
    var message: String
    var actor: String?

    init(_ stored: StoredEvent, number: Int? = nil, now: Date) {
        let event = stored.event
        self.number = number.flatMap { $0 < TrafficDrawing.eventLimit ? "\($0 + 1)" : nil }
        when = Moment(event.at, now: now)
        badge = Badge(Mark(EventLines.tone(event.kind)), event.kind.words)
        version = event.version ?? "–"
        message = event.message
        actor = event.actor.map { EventLines.actor($0, event) }
    }
}
