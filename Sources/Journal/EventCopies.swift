import ControlPorts
import Foundation
import GRDB
import ModelManifests
import Rollouts

/// Copies of events whose originals are in records elsewhere, for example in a cluster. Each copy is stored once,
/// however often it is offered.
extension JournalStore: EventArchive {
    /// The last ordinal that was absorbed from each origin. Ordinals only rise, so one number tells which copies are
    /// known.
    static let copyMigration = """
        CREATE TABLE absorbed (
            namespace TEXT NOT NULL,
            name TEXT NOT NULL,
            origin TEXT NOT NULL,
            ordinal INTEGER NOT NULL,
            PRIMARY KEY (namespace, name, origin)
        ) STRICT;
        """

    package func absorb(_ copies: [EventCopy]) async throws {
        guard !copies.isEmpty else { return }
        let rows = try copies.sorted { $0.ordinal < $1.ordinal }.map { ($0, try EventRow($0.event, of: $0.deployment)) }
        try await write { db in
            for (copy, row) in rows where try Self.isNew(copy, db) { try row.insert(db) }
        }
    }

    /// Also stores the copy's ordinal as the origin's last one.
    private static func isNew(_ copy: EventCopy, _ db: Database) throws -> Bool {
        let key: StatementArguments = [copy.deployment.namespace, copy.deployment.name]
        let last = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT ordinal FROM absorbed WHERE namespace = ? AND name = ? AND origin = ?"),
            arguments: key + [copy.origin])
        guard copy.ordinal > last ?? 0 else { return false }
        // Events refer to a row of `deployment`. That row has no state here: the state is in the record elsewhere.
        try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO deployment (namespace, name, version, state) VALUES (?, ?, 1, NULL)"
        ).execute(arguments: key)
        try db.cachedStatement(
            sql: """
                INSERT INTO absorbed (namespace, name, origin, ordinal) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET ordinal = excluded.ordinal
                """
        ).execute(arguments: key + [copy.origin, copy.ordinal])
        return true
    }
}
