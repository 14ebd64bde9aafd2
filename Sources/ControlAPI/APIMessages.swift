import Controller
import Foundation
import ModelManifests
import Rollouts
import Serving

/// Paths and query names, written down once for both sides.
enum APIPath {
    static let deployments = "/api/v1/deployments"
    static let sync = "/api/v1/sync"
    static let gitHook = "/api/v1/hooks/git"
    static let events = "/api/v1/events"
    static let outcomes = "/api/v1/outcomes"
    /// Where nobody is let in: the refusal carries a challenge.
    static let challenge = "/api/v1/challenge"
    static let ancestor = "/api/v1/ancestor"
    static let metrics = "/metrics"
    static let targets = "/api/v1/targets"
    static let health = "/healthz"
    static let readiness = "/readyz"
    /// Answers 200 at the one controller that leads.
    static let leading = "/leadz"
    /// Each controller's own, whoever leads.
    static let own: Set<String> = ["/", metrics, health, readiness, leading]
}

/// The most that one request may ask for, and what it gets without asking.
public enum APILimits {
    public static let events = 1000
    public static let defaultEvents = 100
    public static let logLines = 10_000
    public static let defaultLogLines = 100
    /// Of one request's body, and how many outcomes may be in it: labels of one request count one by one.
    public static let outcomeBytes = 8 << 20
    public static let outcomes = 10_000
    /// Batches of outcomes that are read at once. Whoever comes beyond is told to come again.
    static let outcomeBatchesAtOnce = 4
    public static let readings = 2000
    static let actorCharacters = 128
}

/// What `sync` answers: of one project its source, of several a list under `sources`.
struct SyncAnswer: Codable {
    var sources: [SourceStatus]

    init(sources: [SourceStatus]) { self.sources = sources }

    private enum CodingKeys: CodingKey { case sources }

    init(from decoder: any Decoder) throws {
        let list = try decoder.container(keyedBy: CodingKeys.self)
        sources =
            list.contains(.sources)
            ? try list.decode([SourceStatus].self, forKey: .sources) : [try SourceStatus(from: decoder)]
    }

    func encode(to encoder: any Encoder) throws {
        if sources.count == 1 { return try sources[0].encode(to: encoder) }
        var list = encoder.container(keyedBy: CodingKeys.self)
        try list.encode(sources, forKey: .sources)
    }
}

extension ControllerStatus {
    /// Only what is the project's; nil: all.
    func narrowed(to project: String?) -> ControllerStatus {
        guard let project else { return self }
        var own = self
        own.sources = sources.filter { $0.project == project }
        own.deployments = deployments.filter { $0.project == project }
        return own
    }
}

/// The verbs under `/api/v1/deployments/{namespace}/{name}/`.
public enum ControlAction: String, CaseIterable, Codable, Sendable {
    case promote, pause, resume, abort, retry, rollback, suspend

    init(_ verb: OperatorCommand.Verb) {
        switch verb {
        case .promote: self = .promote
        case .pause: self = .pause
        case .resume: self = .resume
        case .abort: self = .abort
        case .retry: self = .retry
        case .rollback: self = .rollback
        case .suspend: self = .suspend
        }
    }

    /// - Throws: `ControlError` with code `invalid` where the body asks for what this verb does not know.
    func command(_ request: ActionRequest) throws(ControlError) -> OperatorCommand {
        if request.full != nil, self != .promote {
            throw ControlError(.invalid, "'full' belongs to promote; \(rawValue) does not know it")
        }
        if request.to != nil, self != .rollback {
            throw ControlError(.invalid, "'to' belongs to rollback; \(rawValue) does not know it")
        }
        if request.skipChecks != nil, self != .promote {
            throw ControlError(.invalid, "'skipChecks' belongs to promote; \(rawValue) does not know it")
        }
        if request.force != nil, self != .promote, self != .rollback {
            throw ControlError(.invalid, "'force' belongs to promote and rollback; \(rawValue) does not know it")
        }
        return OperatorCommand(verb(request), claimedActor: request.actor.flatMap(Self.claim))
    }

    /// One short line of what can be seen; nil where nothing is left.
    static func claim(_ text: String) -> String? {
        let visible = text.unicodeScalars.filter { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
            default: true
            }
        }
        let kept = String(String.UnicodeScalarView(visible.prefix(APILimits.actorCharacters)))
            .trimmingCharacters(in: .whitespaces)
        return kept.isEmpty ? nil : kept
    }

    private func verb(_ request: ActionRequest) -> OperatorCommand.Verb {
        switch self {
        case .promote:
            .promote(
                OperatorCommand.Promotion(
                    isFull: request.full ?? false, skipsChecks: request.skipChecks ?? false,
                    isForced: request.force ?? false))
        case .pause: .pause
        case .resume: .resume
        case .abort: .abort
        case .retry: .retry
        case .rollback: .rollback(to: request.to, force: request.force ?? false)
        case .suspend: .suspend
        }
    }
}

/// The body of an action; it may be left out where nothing is to be said.
struct ActionRequest: Codable, Hashable, Sendable {
    /// `promote` only.
    var full: Bool?
    /// `promote` only: past what has to be judged before any traffic.
    var skipChecks: Bool?
    /// `promote`: also where not all instances are ready. `rollback`: also to what failed.
    var force: Bool?
    /// `rollback` only: the beginning of a revision.
    var to: String?
    /// Who the client says that it acts for: a claim, beside what its token proves.
    var actor: String?

    init(
        full: Bool? = nil, skipChecks: Bool? = nil, force: Bool? = nil, to: String? = nil, actor: String? = nil
    ) {
        self.full = full
        self.skipChecks = skipChecks
        self.force = force
        self.to = to
        self.actor = actor
    }

    init(_ command: OperatorCommand) {
        actor = command.claimedActor
        switch command.verb {
        case .promote(let promotion):
            full = promotion.isFull
            // Left out where they are not asked for: an older server does not know them.
            if promotion.skipsChecks { skipChecks = true }
            if promotion.isForced { force = true }
        case .rollback(let revision, let isForced):
            to = revision
            if isForced { force = true }
        case .pause, .resume, .abort, .retry, .suspend: break
        }
    }
}

/// Lists are wrapped, so that an answer can grow.
public struct EventList: Hashable, Codable, Sendable {
    /// Newest first.
    public var events: [StoredEvent]

    public init(events: [StoredEvent]) { self.events = events }
}

public struct HistoryList: Hashable, Codable, Sendable {
    /// Newest first.
    public var history: [HistoryEntry]

    public init(history: [HistoryEntry]) { self.history = history }
}

public struct LogList: Hashable, Codable, Sendable {
    /// Oldest first.
    public var lines: [LogLine]

    public init(lines: [LogLine]) { self.lines = lines }
}

/// Rollouts whose readings are kept.
public struct RecordedRolloutList: Hashable, Codable, Sendable {
    /// Newest first.
    public var rollouts: [RecordedRollout]

    public init(rollouts: [RecordedRollout]) { self.rollouts = rollouts }
}

public struct RecordedReadingList: Hashable, Codable, Sendable {
    /// Oldest first. Empty: there are no more.
    public var readings: [RecordedReading]

    public init(readings: [RecordedReading]) { self.readings = readings }
}

struct AncestorAnswer: Hashable, Codable, Sendable {
    var ancestor: Bool
}

/// Every answer that is no success: `{"error": {"code": "notFound", "message": "…"}}`.
struct ErrorAnswer: Hashable, Codable, Sendable {
    struct Detail: Hashable, Codable, Sendable {
        /// A `ControlError.Code`, or one of the server's own: `unauthorized`, `forbidden`, `tooLarge`, `internal`.
        var code: String
        /// What is wrong and what to do.
        var message: String
    }

    var error: Detail

    init(code: String, message: String) { error = Detail(code: code, message: message) }
}
