import ControlPorts
import Foundation
import ModelManifests
import Presentation
import Rollouts
import SafeText

/// One deployment: what is wrong, why, what can be pressed, and the evidence.
package struct DeploymentPage: Sendable {
    var name: String
    var namespace: String
    var key: String
    var badge: Badge
    var headline: String
    var since: Moment
    /// Why it is as it is; nil where the headline says all.
    var because: String?
    var age: String?
    var waiting: Waiting?
    var facts: [Fact]
    var troubles: [String]
    var sides: [Side]
    var offers: [Offer]
    var refusedOffers: [Offer]
    var steps: [Step]
    var traffic: Figure?
    var trafficTitle: String
    var gates: [GateView]
    var hasGates: Bool
    var gatesTitle: String
    var outlook: [Fact]
    var instances: [Instance]
    var failedRequests: [String]
    var quarantined: [Fact]
    var history: [History]
    var eventsTitle: String
    var events: [EventView]
    var conditions: [Fact]
    var settings: [Fact]
    var commands: [String]

    struct Waiting: Sendable {
        var tone: String
        var sign: String
        var title: String
        var cause: String
        var time: String?
        var remedy: String?
    }

    /// Stable or candidate.
    struct Side: Sendable {
        var role: String
        var version: String
        var revision: String
        var link: String?
        var weight: String
        var weightWidth: String
        var ready: String
        var readyTone: String
        var facts: [Fact]
        var isCandidate: Bool
    }

    /// A button as a link to the page that says what it does.
    struct Offer: Sendable {
        var title: String
        var link: String
        var effect: String
        var refusal: String?
        var isForceful: Bool
        var isPrimary: Bool
    }

    struct Step: Sendable {
        var number: String
        var words: String
        var place: String
        var sign: String
        var isCurrent: Bool
    }

    struct Instance: Sendable {
        var id: String
        var revision: String
        var badge: Badge
        var restarts: String
        var reason: String
    }

    struct History: Sendable {
        var version: String
        var revision: String
        var link: String
        var commit: String
        var badge: Badge
        var started: Moment
        var took: String
        var reason: String
    }

    package init(
        _ explanation: DeploymentExplanation, history: [HistoryEntry], traffic points: TrafficPoints,
        trail: RolloutTrail?, now: Date
    ) {
        let status = explanation.status
        name = status.name
        namespace = status.namespace
        key = status.key.description
        badge = status.badge
        headline = Self.sentence(StatusSummary.headline(status))
        since = Moment(status.since, now: now)
        let why = explanation.rollback?.event.message ?? status.message
        // The waiting box says it already.
        let isSaid = status.isTimedPause || status.waitText?.contains(why) == true
        because = why.isEmpty || isSaid ? nil : why
        age = status.ageText(now: now)
        waiting = Self.waiting(status, now: now)
        facts = Self.facts(explanation, now: now)
        troubles = StatusSummary.troubles(status)
        let known = Set(history.map(\.revision))
        sides = [("Stable", status.stable), ("Candidate", status.candidate)].compactMap { role, revision in
            revision.map { Self.side(role, $0, of: status, known) }
        }
        let all = ActionOffer.all(status, steps: explanation.steps, history: history)
        let remedy = ActionOffer.remedy(of: status)?.verb
        // To try again what has failed is possible, and not what most people should do.
        let isLeft = [.rolledBack, .rollingBack].contains(status.phase)
        let shown = all.map { offer in
            Offer(
                title: offer.title, link: "\(Escape.uriPart(status.name))/actions/\(offer.verb)", effect: offer.effect,
                refusal: offer.refusal, isForceful: offer.isForceful, isPrimary: offer.verb == remedy && !isLeft)
        }
        offers = shown.filter { $0.refusal == nil }
        refusedOffers = shown.filter { $0.refusal != nil }
        steps = Self.steps(explanation.steps)
        let drawing = trail.map { TrafficDrawing(points, events: $0.marks, seconds: $0.seconds) }
        traffic = drawing.flatMap { $0.isEmpty ? nil : $0.figure(id: "traffic") }
        trafficTitle = status.candidate == nil ? "Traffic during the last rollout" : "Traffic"
        gates = GateView.all(explanation.gates)
        hasGates = !gates.isEmpty
        gatesTitle = explanation.rollback == nil ? "Gates" : "Gates at the time of the rollback"
        outlook = explanation.outlook.map { outlook in
            Fact(outlook.when + (outlook.at.map { " (\(RelativeTime.text($0, now: now)))" } ?? ""), outlook.then)
        }
        instances = status.instances.map(Self.instance)
        failedRequests = explanation.failedRequestIds.reversed().map(\.printable)
        quarantined = status.quarantined.map { entry in
            Fact(
                "version \(entry.version)",
                "revision \(entry.revision), \(RelativeTime.text(entry.at, now: now)): \(entry.reason)", .bad)
        }
        self.history = history.map { Self.entry($0, of: status, now: now) }
        let marked = trail?.marked ?? []
        let marks = explanation.events.map(\.id).filter(marked.contains)
        events = explanation.events.suffix(Self.mostEvents).map {
            EventView($0, number: marks.firstIndex(of: $0.id), now: now)
        }
        eventsTitle = status.candidate == nil ? "Events of the last rollout" : "Events of this rollout"
        conditions = status.conditions.map { condition in
            Fact("\(condition.type): \(condition.status)", "\(condition.reason): \(condition.message)")
        }
        settings = explanation.settings.map { Fact($0.name, $0.text) }
        commands = StatusSummary.advice(explanation)
    }

    private static let mostEvents = 100

    private static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

    private static func waiting(_ status: DeploymentStatus, now: Date) -> Waiting? {
        guard let text = status.waitText else { return nil }
        let needsPerson = status.waiting?.needsPerson == true
        let mark: Mark = needsPerson ? .warning : .active
        return Waiting(
            tone: mark.rawValue, sign: mark.sign, title: needsPerson ? "Waits for a person" : "Waits for",
            cause: needsPerson ? status.waiting?.cause ?? text : text, time: status.waitTime(now: now),
            remedy: status.waiting?.remedy)
    }

    private static func facts(_ explanation: DeploymentExplanation, now: Date) -> [Fact] {
        let status = explanation.status
        let known: [Fact?] = [
            Fact("Endpoint", status.endpoint ?? "not open", status.endpoint == nil ? .warning : .plain),
            status.desired.map { Fact("Git asks for", "version \($0.version), commit \($0.commit.shortCommit)") },
            status.step.map { Fact("Step", "\($0.position)  \($0.description)") },
            status.deadlineAt.map { Fact("Time limit", RelativeTime.text($0, now: now)) },
            status.project.map { Fact("Project", $0) },
            status.preview.map { Fact("Preview", $0) },
            status.split.map { Fact("Split", $0.reason, $0.isMismatched ? .bad : .plain) },
            status.selfCheck.flatMap { $0.isBroken ? Fact("Self-check", $0.reason, .warning) : nil },
        ]
        let leftOut = (explanation.leftOut ?? []).map { left in
            Fact(
                "Left out",
                "\(Numbers.count(left.requests)) requests of version \(left.version) are in no gate's evidence: one instance "
                    + "answered them much worse than its siblings", .warning)
        }
        return known.compactMap(\.self) + leftOut
    }

    private static func side(
        _ role: String, _ revision: RevisionStatus, of status: DeploymentStatus, _ known: Set<Revision>
    ) -> Side {
        let counts: [(String, Int?, Mark)] = [
            ("Restarts", revision.restarts, .warning), ("Without traffic (ejected)", revision.ejected, .warning),
            ("Could not accept", revision.unavailable, .bad), ("Clients gave up", revision.abandoned, .warning),
        ]
        var facts = counts.compactMap { label, count, mark in count.map { Fact(label, Numbers.count($0), mark) } }
        if let progress = revision.progress { facts.append(Fact("Progress", progress, .active)) }
        if let cpu = revision.cpuSeconds { facts.append(Fact("CPU", "\(Numbers.significant(cpu)) s")) }
        if let memory = revision.memoryBytes { facts.append(Fact("Memory", CostDescription.bytes(memory))) }
        return Side(
            role: role, version: revision.version, revision: revision.revision.rawValue,
            link: known.contains(revision.revision) ? rolloutLink(revision.revision, of: status) : nil,
            weight: "\(revision.weight)",
            weightWidth: "\(min(max(revision.weight, 0), 100))", ready: "\(revision.ready) of \(revision.replicas)",
            readyTone: (revision.ready < revision.replicas ? Mark.warning : .plain).rawValue, facts: facts,
            isCandidate: role == "Candidate")
    }

    private static func rolloutLink(_ revision: Revision, of status: DeploymentStatus) -> String {
        "\(Escape.uriPart(status.name))/rollouts/\(Escape.uriPart(revision.rawValue))"
    }

    private static func steps(_ steps: [StepExplanation]) -> [Step] {
        steps.enumerated().map { index, step in
            let (place, sign) =
                switch step.place {
                case .done: ("done", "✓")
                case .current: ("now", "▸")
                case .ahead: ("ahead", "○")
                }
            return Step(
                number: "\(index + 1)", words: step.description, place: place, sign: sign,
                isCurrent: step.place == .current)
        }
    }

    private static func instance(_ instance: InstanceStatus) -> Instance {
        let isReady = instance.condition == "ready" && !instance.ejected
        let mark: Mark =
            isReady ? .good : ["failed", "crashLooping", "blocked"].contains(instance.condition) ? .bad : .warning
        return Instance(
            id: instance.id, revision: instance.revision.rawValue,
            badge: Badge(mark, instance.condition + (instance.ejected ? ", without traffic" : "")),
            restarts: Numbers.count(instance.restarts), reason: instance.reason ?? "")
    }

    private static func entry(_ entry: HistoryEntry, of status: DeploymentStatus, now: Date) -> History {
        let mark: Mark =
            switch entry.outcome {
            case "stable": .good
            case "candidate": .active
            case "rolled back", "aborted": .bad
            default: .faint
            }
        return History(
            version: entry.version, revision: entry.revision.rawValue,
            link: rolloutLink(entry.revision, of: status),
            commit: entry.commit?.shortCommit ?? "–", badge: Badge(mark, entry.outcome),
            started: Moment(entry.startedAt, now: now),
            took: entry.endedAt.map { Numbers.span($0.timeIntervalSince(entry.startedAt)) } ?? "–",
            reason: entry.reason)
    }
}
