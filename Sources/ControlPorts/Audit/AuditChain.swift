import Crypto
import Foundation
import ModelManifests

/// One event of the audit trail as it is stored, with its place in the chain of its deployment's events.
package struct AuditEntry: Hashable, Codable, Sendable {
    /// Rises over all deployments.
    package var id: Int
    package var namespace: String
    package var name: String
    /// The link of the event before; "" for a deployment's first one.
    package var previous: String
    /// The event, as JSON, to the letter: the link is about these bytes.
    package var body: String
    /// `AuditChain.link` of the four fields above. SHA-256 in hex.
    package var link: String

    package init(id: Int, deployment: DeploymentKey, previous: String, body: String, link: String) {
        (self.id, namespace, name) = (id, deployment.namespace, deployment.name)
        (self.previous, self.body, self.link) = (previous, body, link)
    }

    package var deployment: DeploymentKey { DeploymentKey(namespace: namespace, name: name) }
}

/// Verifies exported audit trails. Pure.
///
/// Each event contains the hash of the one before it, so none can be changed, inserted or left out between two others. Whoever can
/// write to the journal can make a new chain from an event on; so keep exports elsewhere: a later export must continue them.
package struct AuditChain: Sendable {
    package enum Problem: Hashable, Sendable {
        /// The entry's own link does not belong to its content.
        case changed(id: Int)
        /// The entry does not follow the one before it.
        case broken(id: Int, after: Int)
        /// Ids must rise.
        case disordered(id: Int)
        /// The later export has another entry with this id, or none although it goes further back.
        case rewritten(id: Int)

        package var text: String {
            switch self {
            case .changed(let id): "entry \(id) was changed: its link does not belong to its content"
            case .broken(let id, let before):
                "entry \(id) does not follow entry \(before): something between them is missing"
            case .disordered(let id): "entry \(id) is not in order"
            case .rewritten(let id): "entry \(id) of the earlier export is missing or another one in this export"
            }
        }
    }

    /// The entries so far, and the number of problems that are kept.
    package private(set) var count = 0
    package private(set) var problems: [Problem] = []
    private var last: [DeploymentKey: AuditEntry] = [:]
    package private(set) var firstId: Int?
    package private(set) var lastId = 0

    package static let mostProblems = 100
    /// A deployment's newest events are kept whatever their age, so many of them.
    package static let keptAtAnyAge = 100

    package init() {}

    /// SHA-256 of the previous link, the deployment and the event's JSON, each ended by a line break, in hex.
    package static func link(previous: String, deployment: DeploymentKey, body: String) -> String {
        let text = "\(previous)\n\(deployment.namespace)/\(deployment.name)\n\(body)\n"
        return SHA256.hash(data: Data(text.utf8)).reduce(into: "") { text, byte in
            text += byte < 16 ? "0" : ""
            text += String(byte, radix: 16)
        }
    }

    /// Entries come in order of their ids.
    package mutating func add(_ entry: AuditEntry) {
        count += 1
        firstId = firstId ?? entry.id
        if entry.id <= lastId { report(.disordered(id: entry.id)) }
        lastId = max(lastId, entry.id)
        if Self.link(previous: entry.previous, deployment: entry.deployment, body: entry.body) != entry.link {
            report(.changed(id: entry.id))
        }
        // The first one of a deployment may follow events that were deleted after their time.
        if let before = last[entry.deployment], before.link != entry.previous {
            report(.broken(id: entry.id, after: before.id))
        }
        last[entry.deployment] = entry
    }

    /// Compares an earlier export with a later one.
    ///
    /// - Parameters:
    ///   - earlier: the entries of the earlier export.
    ///   - later: the entries of the later export, by id.
    package static func rewritten(_ earlier: [AuditEntry], in later: [AuditEntry]) -> [Problem] {
        let byId = Dictionary(later.map { ($0.id, $0) }) { first, _ in first }
        let oldest = Dictionary(grouping: later, by: \.deployment).mapValues { $0.map(\.id).min() ?? 0 }
        let counts = Dictionary(grouping: later, by: \.deployment).mapValues(\.count)
        return earlier.compactMap { entry in
            if let found = byId[entry.id] { return found.link == entry.link ? nil : .rewritten(id: entry.id) }
            // Events are deleted after their time, the oldest first, but never the newest hundred.
            guard let first = oldest[entry.deployment], first > entry.id,
                counts[entry.deployment, default: 0] >= keptAtAnyAge
            else { return .rewritten(id: entry.id) }
            return nil
        }
    }

    /// The last entry of each deployment.
    package var heads: [AuditEntry] { last.values.sorted { $0.id < $1.id } }

    private mutating func report(_ problem: Problem) {
        if problems.count < Self.mostProblems { problems.append(problem) }
    }
}
