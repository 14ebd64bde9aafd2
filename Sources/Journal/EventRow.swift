import ControlPorts
import Foundation
import GRDB
import ModelManifests
import Rollouts

/// One row of the table `event`: the columns that queries use, and the whole event as JSON.
struct EventRow: Sendable {
    var deployment: DeploymentKey
    var atSeconds: Double
    var kind: String
    var body: String

    init(_ event: RolloutEvent, of deployment: DeploymentKey) throws {
        self.deployment = deployment
        atSeconds = event.at.timeIntervalSince1970
        kind = event.kind.rawValue
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        body = String(decoding: try encoder.encode(event), as: UTF8.self)
    }

    func insert(_ db: Database) throws {
        let link = AuditChain.link(
            previous: try JournalStore.lastLink(db, of: deployment), deployment: deployment, body: body)
        try db.cachedStatement(
            sql: "INSERT INTO event (namespace, name, at_seconds, kind, body, link) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [deployment.namespace, deployment.name, atSeconds, kind, body, link])
    }

    static func fetch(_ db: Database, matching filter: EventFilter, limit: Int) throws -> [StoredEvent] {
        var conditions: [String] = []
        var arguments = StatementArguments()
        if let deployment = filter.deployment {
            conditions.append("namespace = ? AND name = ?")
            arguments += [deployment.namespace, deployment.name]
        }
        if let afterId = filter.afterId {
            conditions.append("id > ?")
            arguments += [afterId]
        }
        if let project = filter.project {
            // A controller without projects writes events without a project.
            conditions.append("coalesce(json_extract(body, '$.project'), ?) = ?")
            arguments += [Project.defaultName, project]
        }
        if let since = filter.since {
            conditions.append("at_seconds >= ?")
            arguments += [since.timeIntervalSince1970]
        }
        let selection = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT id, namespace, name, at_seconds, kind, body FROM event \(selection)
                    ORDER BY id DESC LIMIT ?
                    """),
            arguments: arguments + [limit])
        let decoder = JSONDecoder()
        var events: [StoredEvent] = []
        while let row = try rows.next() {
            let deployment = DeploymentKey(namespace: row[1], name: row[2])
            events.append(StoredEvent(id: row[0], deployment: deployment, event: event(row, decoder)))
        }
        return events
    }

    /// An event that this version cannot read is shown as a warning: one event must not hide all others.
    private static func event(_ row: Row, _ decoder: JSONDecoder) -> RolloutEvent {
        let body: String = row[5]
        if let event = try? decoder.decode(RolloutEvent.self, from: Data(body.utf8)) { return event }
        return RolloutEvent(
            at: Date(timeIntervalSince1970: row[3]), kind: .warning,
            message: "An event of kind \(row[4] as String) that this version of mlctl cannot read: \(body)")
    }
}
