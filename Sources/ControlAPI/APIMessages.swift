import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving

/// Paths of the API, shared by server and client.
enum APIPath {
    static let deployments = "/api/v1/deployments"
    static let sync = "/api/v1/sync"
    static let gitHook = "/api/v1/hooks/git"
    static let events = "/api/v1/events"
    static let outcomes = "/api/v1/outcomes"
    static let audit = "/api/v1/audit"
    /// Always answers 401, with a new challenge for signed requests.
    static let challenge = "/api/v1/challenge"
    static let ancestor = "/api/v1/ancestor"
    /// A link that signs in one browser, once: `mlctl dashboard`.
    static let dashboardLink = "/api/v1/dashboard/link"
    static let metrics = "/metrics"
    static let targets = "/api/v1/targets"
    static let health = "/healthz"
    static let readiness = "/readyz"
    /// Answers 200 only at the controller that leads.
    static let leading = "/leadz"
    /// Each controller answers these itself, whether it leads or not.
    static let own: Set<String> = [metrics, health, readiness, leading]
}

/// Limits and defaults of single requests.
package enum APILimits {
    package static let events = 1000
    package static let defaultEvents = 100
    package static let logLines = 10_000
    package static let defaultLogLines = 100
    /// The size of a report's body, and the number of outcomes in it. Each label of a request counts as one outcome.
    package static let outcomeBytes = 8 << 20
    package static let outcomes = 10_000
    /// How many batches of outcomes are read at once. Further batches are refused and must be sent again.
    static let outcomeBatchesAtOnce = 4
    package static let readings = 2000
    static let actorCharacters = 128
    package static let reasonCharacters = 500
}

/// The answer to `sync`: the source itself if there is one project, otherwise a list under `sources`.
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
    /// Only the sources and deployments of the project; nil keeps all.
    func narrowed(to project: String?) -> ControllerStatus {
        guard let project else { return self }
        var own = self
        own.sources = sources.filter { $0.project == project }
        own.deployments = deployments.filter { $0.project == project }
        return own
    }
}

/// The verbs under `/api/v1/deployments/{namespace}/{name}/`.
package enum ControlAction: String, CaseIterable, Codable, Sendable {
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

    /// - Throws: `ControlError` with code `invalid` if the body has a field that this verb does not support.
    func command(_ request: ActionRequest) throws(ControlError) -> OperatorCommand {
        if request.full != nil, self != .promote {
            throw ControlError(.invalid, "'full' is only for promote; \(rawValue) does not support it")
        }
        if request.to != nil, self != .rollback {
            throw ControlError(.invalid, "'to' is only for rollback; \(rawValue) does not support it")
        }
        if request.skipChecks != nil, self != .promote {
            throw ControlError(.invalid, "'skipChecks' is only for promote; \(rawValue) does not support it")
        }
        if request.force != nil, self != .promote, self != .rollback {
            throw ControlError(.invalid, "'force' is only for promote and rollback; \(rawValue) does not support it")
        }
        return OperatorCommand(
            verb(request), claimedActor: request.actor.flatMap { Self.claim($0) },
            reason: request.reason.flatMap { Self.claim($0, upTo: APILimits.reasonCharacters) })
    }

    /// The text as one short line of visible characters; nil if nothing is left.
    static func claim(_ text: String, upTo limit: Int = APILimits.actorCharacters) -> String? {
        // Words of several lines stay apart.
        let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let visible = line.unicodeScalars.filter { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
            default: true
            }
        }
        let kept = String(String.UnicodeScalarView(visible.prefix(limit)))
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

/// The body of an action. It may be empty.
struct ActionRequest: Codable, Hashable, Sendable {
    /// `promote` only.
    var full: Bool?
    /// `promote` only: skip the checks that must pass before the candidate gets traffic.
    var skipChecks: Bool?
    /// `promote`: even if not all instances are ready. `rollback`: even to a revision that failed.
    var force: Bool?
    /// `rollback` only: the revision, or its first digits.
    var to: String?
    /// Who the client claims to act for. The token's name is recorded in addition.
    var actor: String?
    /// Why. Recorded with what the command causes.
    var reason: String?

    init(
        full: Bool? = nil, skipChecks: Bool? = nil, force: Bool? = nil, to: String? = nil, actor: String? = nil,
        reason: String? = nil
    ) {
        self.full = full
        self.skipChecks = skipChecks
        self.force = force
        self.to = to
        self.actor = actor
        self.reason = reason
    }

    init(_ command: OperatorCommand) {
        (actor, reason) = (command.claimedActor, command.reason)
        switch command.verb {
        case .promote(let promotion):
            full = promotion.isFull
            // Left out if not requested, because older servers do not know these fields.
            if promotion.skipsChecks { skipChecks = true }
            if promotion.isForced { force = true }
        case .rollback(let revision, let isForced):
            to = revision
            if isForced { force = true }
        case .pause, .resume, .abort, .retry, .suspend: break
        }
    }
}

/// Lists are wrapped in an object, so that fields can be added to an answer later.
package struct EventList: Hashable, Codable, Sendable {
    /// Newest first.
    package var events: [StoredEvent]

    package init(events: [StoredEvent]) { self.events = events }
}

/// Oldest first.
struct AuditList: Hashable, Codable, Sendable {
    var entries: [AuditEntry]
}

package struct HistoryList: Hashable, Codable, Sendable {
    /// Newest first.
    package var history: [HistoryEntry]

    package init(history: [HistoryEntry]) { self.history = history }
}

package struct LogList: Hashable, Codable, Sendable {
    /// Oldest first.
    package var lines: [LogLine]

    package init(lines: [LogLine]) { self.lines = lines }
}

/// The rollouts whose readings are stored.
package struct RecordedRolloutList: Hashable, Codable, Sendable {
    /// Newest first.
    package var rollouts: [RecordedRollout]

    package init(rollouts: [RecordedRollout]) { self.rollouts = rollouts }
}

package struct RecordedReadingList: Hashable, Codable, Sendable {
    /// Oldest first. Empty if there are no more.
    package var readings: [RecordedReading]

    package init(readings: [RecordedReading]) { self.readings = readings }
}

/// A code that signs in one browser, once, before a time.
package struct DashboardLink: Hashable, Codable, Sendable {
    package var code: String
    package var seconds: Int
}

struct AncestorAnswer: Hashable, Codable, Sendable {
    var ancestor: Bool
}

/// Every error answer: `{"error": {"code": "notFound", "message": "…"}}`.
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
