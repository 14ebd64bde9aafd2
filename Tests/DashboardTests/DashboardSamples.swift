import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving

@testable import Analysis
@testable import Dashboard

/// A fleet with one deployment of each kind, and the explanation of a rollout in flight.
enum DashboardSamples {
    static let now = Date(timeIntervalSince1970: 1_795_253_400)
    static let stable = Revision(rawValue: "aaaaaaaaaa")
    static let candidate = Revision(rawValue: "bbbbbbbbbb")
    /// Texts that would leave their place if they were not escaped.
    static let hostile = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'\"&<>", "a\r\nSet-Cookie: b=c", "{{name}}",
    ]

    static func status(
        _ name: String, _ phase: Phase, namespace: String = "payments", message: String = "",
        ago: TimeInterval = 60, waiting: WaitStatus? = nil, weight: Int? = nil, project: String? = "default"
    ) -> DeploymentStatus {
        DeploymentStatus(
            namespace: namespace, name: name, phase: phase, since: now.addingTimeInterval(-ago), message: message,
            waitingFor: waiting?.cause, endpoint: "http://127.0.0.1:9000",
            desired: DesiredStatus(revision: candidate, version: "3", commit: "1f0c2ab9deadbeef"),
            stable: RevisionStatus(
                revision: stable, version: "2", weight: 100 - (weight ?? 0), replicas: 2, ready: 2, restarts: 1),
            candidate: weight.map {
                RevisionStatus(revision: candidate, version: "3", weight: $0, replicas: 2, ready: 1, unavailable: 4)
            },
            step: weight.map { _ in StepStatus(index: 2, count: 4, description: "approval") },
            gates: [gate.summary],
            quarantined: phase == .rolledBack
                ? [QuarantineStatus(revision: candidate, version: "3", reason: message, at: now)] : [],
            conditions: [Condition(type: "Ready", status: "False", reason: "Why", message: message)],
            waiting: waiting,
            instances: [
                InstanceStatus(id: "\(name)-1", revision: stable, condition: "ready", restarts: 1, reason: message)
            ],
            project: project)
    }

    static let approval = WaitStatus(
        cause: "approval: 'mlctl promote'", remedy: "'mlctl promote'", since: now, needsPerson: true)

    static let figures = GateFigures(
        gate: "errors", fail: .init(against: "being within tolerance", log: 5.86, boundaryLog: 5.4),
        pass: .init(against: "a regression beyond the pass margin", log: 0.5, boundaryLog: 3), samples: 21,
        minSamples: 200,
        rates: .init(
            what: "errors", stable: .init(count: 307, hits: 1), candidate: .init(count: 21, hits: 5), tolerated: 0.0036,
            excludedAbove: 0.0082),
        latencies: .init(
            quantile: 0.95, edges: [0.01, 0.1, 1], stable: [10, 90, 100, 100], candidate: [5, 80, 95, 100]))

    static let gate = GateExplanation(
        summary: GateSummary(
            name: "errors", verdict: "fail", samples: 21, reason: "candidate 5 errors of 21 (23.8 %)",
            missing: "about 700 more requests"),
        words: GateDescription(
            asks: "does it fail?", passes: "odds of 20 to 1", fails: "odds of 222 to 1", assumes: "no"),
        figures: figures)

    static func event(
        _ id: Int, _ kind: RolloutEvent.Kind, at seconds: TimeInterval, _ message: String = "",
        revision: Revision? = candidate,
        figures: [GateFigures]? = nil
    ) -> StoredEvent {
        var event = RolloutEvent(
            at: now.addingTimeInterval(seconds - 100), kind: kind, revision: revision, version: "3",
            commit: "1f0c2ab9deadbeef", message: message, evidence: figures == nil ? [] : [gate.summary],
            failedRequestIds: figures == nil ? nil : ["bbbbbbbbbb-1"])
        event.figures = figures
        return StoredEvent(id: id, deployment: DeploymentKey(namespace: "payments", name: "fraud"), event: event)
    }

    /// Oldest first: a rollout that fails.
    static let events = [
        event(1, .rolloutStarted, at: 0, "version 3 from commit 1f0c2ab9de"),
        event(2, .stepStarted, at: 10, "step 1 of 4: set weight 10 %"),
        event(3, .stepStarted, at: 20, "step 2 of 4: pause 1m"),
        event(4, .gateFailed, at: 50, "gate errors failed"), event(5, .quarantined, at: 50, "not tried again"),
        event(6, .rollingBack, at: 50, "gate errors failed", figures: [figures]),
        event(7, .rolledBack, at: 52, "all traffic is on version 2"),
    ]

    static let steps: [StepExplanation] = [
        .init(description: "set weight 10 %", place: .done), .init(description: "pause 1m", place: .done),
        .init(description: "approval", place: .current), .init(description: "set weight 100 %", place: .ahead),
    ]

    static func explanation(_ status: DeploymentStatus, message: String? = nil) -> DeploymentExplanation {
        var gate = gate
        if let message { gate.summary.reason = message }
        return DeploymentExplanation(
            status: status, outlook: [Outlook(when: "when every gate passes", at: now, then: message ?? "it goes on")],
            gates: [gate], steps: steps,
            events: events.map { stored in
                var stored = stored
                if let message { stored.event.message = message }
                return stored
            }, failedRequestIds: [message ?? "bbbbbbbbbb-1"],
            settings: [SettingDescription("replicas", message ?? "2")])
    }

    static let history = [
        HistoryEntry(
            revision: candidate, version: "3", commit: "1f0c2ab9", startedAt: now, endedAt: nil, outcome: "candidate",
            reason: ""),
        HistoryEntry(
            revision: stable, version: "2", commit: "0e0c2ab9", startedAt: now.addingTimeInterval(-900), endedAt: now,
            outcome: "stable", reason: ""),
        HistoryEntry(
            revision: Revision(rawValue: "cccccccccc"), version: "1", commit: nil,
            startedAt: now.addingTimeInterval(-9000), endedAt: now.addingTimeInterval(-900), outcome: "replaced",
            reason: "replaced by version 2"),
    ]

    static var traffic: TrafficPoints {
        var points = TrafficPoints()
        points.absorb(
            (1...40).map { step in
                RecordedReading(
                    position: step, t: Double(step), stable: SideCounts(requests: 90 * step, errors: step),
                    candidate: SideCounts(requests: 10 * step, errors: 2 * step))
            })
        return points
    }

    static func frame(_ title: String = "Test", refusal: String? = nil, root: String = "./") -> PageFrame {
        PageFrame(
            title: title, root: root,
            viewer: .init(name: "ops", role: "operator", csrf: "form-token", actRefusal: refusal), now: now,
            live: .init(events: "api/v1/events", everySeconds: 10), notice: .init(tone: .good, text: "done"))
    }

    static let fleet = ControllerStatus(
        sources: [
            SourceStatus(
                repo: "/srv/models.git", branch: "main", error: "the repository cannot be read",
                diagnostics: [
                    Diagnostic(file: "a.yaml", line: 7, column: 3, path: "spec.replica", message: "unknown field")
                ])
        ],
        sites: [SiteStatus(name: "prod", reachable: false, since: now, reason: "no answer")],
        deployments: [
            status("quiet", .healthy), status("moving", .progressing, weight: 25),
            status("approval", .paused, waiting: approval, weight: 10),
            status("left", .rolledBack, message: "gate errors failed"), status("down", .failed, message: "no instance"),
        ])

    /// Every page, with the texts in all places that come from outside.
    static func pages(_ text: String = "text", refusal: String? = nil) throws -> [(name: String, html: String)] {
        let pages = try DashboardPages()
        let paused = status(
            "fraud", .paused, message: text,
            waiting: WaitStatus(cause: text, remedy: "'mlctl promote'", needsPerson: true), weight: 10, project: text)
        let explained = explanation(paused, message: text)
        guard let trail = RolloutTrail(of: candidate, in: Array(explained.events.reversed()), now: now) else {
            return []
        }
        var fleet = fleet
        fleet.deployments.append(paused)
        fleet.sources[0].error = text
        fleet.sites[0].reason = text
        var query = FleetQuery()
        let frame = frame(text, refusal: refusal, root: "../../")
        let rollout = RolloutPage(trail, of: explained, entry: history[0], traffic: traffic, now: now)
        let whole = FleetPage(fleet, query: query, now: now)
        query.search = text
        let key = DeploymentKey(namespace: "payments", name: "fraud")
        return [
            ("fleet", pages.fleet(whole, in: frame)),
            ("search", pages.fleet(FleetPage(fleet, query: query, now: now), in: frame)),
            ("empty", pages.fleet(FleetPage(ControllerStatus(), query: FleetQuery(), now: now), in: frame)),
            (
                "deployment",
                pages.deployment(
                    DeploymentPage(explained, history: history, traffic: traffic, trail: trail, now: now), in: frame)
            ),
            ("rollout", pages.rollout(rollout, in: frame)), ("report", pages.report(rollout, in: frame)),
            ("promote", pages.confirm(ConfirmPage(.promote, explained, history: history), in: frame)),
            ("rollback", pages.confirm(ConfirmPage(.rollback, explained, history: history, isStale: true), in: frame)),
            ("refused", pages.confirm(ConfirmPage(.resume, explained, history: history), in: frame)),
            ("logs", pages.logs(LogsPage(key, [LogLine(revision: stable, instance: text, text: text)]), in: frame)),
            ("login", pages.login(LoginPage(next: text, refusal: text, isExposed: true), in: frame)),
            ("code", pages.login(LoginPage(code: text, next: "", isExposed: false), in: frame)),
            (
                "message",
                pages.message(
                    MessagePage(title: text, text: text, links: [.init(text, to: "../")], reloads: "a?b=c"), in: frame)
            ),
        ]
    }
}
