import ControlPorts
import Foundation
import ModelManifests
import Presentation
import Rollouts

/// A stage of a rollout, from its beginning to the beginning of the next one.
package struct RolloutStage: Sendable, Equatable {
    /// For example `Loading` or `setWeight: 25`.
    package var words: String
    /// Since the rollout began.
    package var startSeconds: Double
    package var seconds: Double
    /// Whether it has not ended yet.
    package var isOpen: Bool
    /// The class of its mark.
    var mark: String

    /// For example `1 min 20 s`, or `42 s so far`.
    package var length: String { Numbers.span(seconds) + (isOpen ? " so far" : "") }
}

/// One rollout of a revision, read from the deployment's events. Pure.
package struct RolloutTrail: Sendable {
    package let revision: Revision
    /// Of this rollout, oldest first.
    package let events: [StoredEvent]
    package let stages: [RolloutStage]
    package let startedAt: Date
    package let endedAt: Date?

    /// - Parameters:
    ///   - newestFirst: the deployment's events.
    ///   - now: the end of a stage that is not over.
    /// - Returns: nil if no event begins a rollout of the revision. The newest one is taken.
    package init?(of revision: Revision, in newestFirst: [StoredEvent], now: Date) {
        let oldestFirst = Array(newestFirst.reversed())
        guard
            let start = oldestFirst.lastIndex(where: {
                $0.event.kind == .rolloutStarted && $0.event.revision == revision
            })
        else { return nil }
        let rest = oldestFirst[start...]
        let next = rest.dropFirst().firstIndex { $0.event.kind == .rolloutStarted } ?? rest.endIndex
        let own = Array(rest[..<next])
        self.revision = revision
        startedAt = own[0].event.at
        // What happens to a deployment at rest belongs to no rollout.
        if let end = own.firstIndex(where: { Self.endings.contains($0.event.kind) }) {
            events = Array(own[...end])
            endedAt = own[end].event.at
        } else if next < rest.endIndex {
            events = own
            endedAt = oldestFirst[next].event.at
        } else {
            events = own
            endedAt = nil
        }
        stages = Self.stages(events, startedAt: startedAt, endedAt: endedAt, now: now)
    }

    private static let endings: Set<RolloutEvent.Kind> = [
        .promoted, .rolledBack, .superseded, .probationEnded, .removed,
    ]

    package var seconds: Double { stages.last.map { $0.startSeconds + $0.seconds } ?? 0 }

    private static func stages(
        _ events: [StoredEvent], startedAt: Date, endedAt: Date?, now: Date
    ) -> [RolloutStage] {
        var stages: [RolloutStage] = []
        func open(_ words: String, _ mark: String, at date: Date) {
            close(at: date)
            stages.append(
                RolloutStage(
                    words: words, startSeconds: max(0, date.timeIntervalSince(startedAt)), seconds: 0, isOpen: true,
                    mark: mark))
        }
        func close(at date: Date) {
            guard let last = stages.indices.last, stages[last].isOpen else { return }
            stages[last].seconds = max(0, date.timeIntervalSince(startedAt) - stages[last].startSeconds)
            stages[last].isOpen = false
        }
        for stored in events {
            let event = stored.event
            switch event.kind {
            case .rolloutStarted: open("Fetch, load and warm up", "active", at: event.at)
            case .stepStarted: open(Self.step(event.message), "active", at: event.at)
            case .paused, .stuck: open("Held: \(Self.short(event.message))", "warning", at: event.at)
            case .resumed, .approved, .retried: open(event.kind.words, "active", at: event.at)
            case .promoting: open("Promotion", "good", at: event.at)
            case .probationStarted: open("Probation", "active", at: event.at)
            case .rollingBack, .aborted: open("Rollback", "bad", at: event.at)
            default: break
            }
        }
        if let endedAt {
            close(at: endedAt)
        } else if let last = stages.indices.last {
            stages[last].seconds = max(0, now.timeIntervalSince(startedAt) - stages[last].startSeconds)
        }
        return stages
    }

    /// `step 2/5: setWeight: 25` → `setWeight: 25`.
    private static func step(_ message: String) -> String { message.prefix(1).uppercased() + message.dropFirst() }

    private static func short(_ message: String) -> String {
        message.split(separator: ":", maxSplits: 1).first.map(String.init) ?? message
    }

    /// What the timeline's traffic is marked with.
    var marks: [TrafficDrawing.Event] {
        events.filter { Self.isMarked($0.event.kind) }.map { stored in
            TrafficDrawing.Event(
                seconds: max(0, stored.event.at.timeIntervalSince(startedAt)),
                words: "\(stored.event.kind.words): \(stored.event.message)",
                mark: Mark(EventLines.tone(stored.event.kind)))
        }
    }

    /// The ids of the events that the traffic's drawing marks.
    var marked: Set<Int> { Set(events.filter { Self.isMarked($0.event.kind) }.map(\.id)) }

    private static func isMarked(_ kind: RolloutEvent.Kind) -> Bool {
        switch kind {
        case .deployed, .warning, .instanceReturned, .gateWarned, .quarantined: false
        default: true
        }
    }
}

extension RolloutEvent.Kind {
    /// For people: `rolled back`.
    package var words: String {
        var words = ""
        for character in rawValue {
            words += character.isUppercase ? " \(character.lowercased())" : String(character)
        }
        return words
    }
}
