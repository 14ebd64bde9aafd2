import Controller
import Foundation
import GRDB
import ModelManifests
import Rollouts

/// Copies of events whose originals are in records elsewhere: each is taken in once, however often it is offered.
extension JournalStore: EventArchive {
    /// What was absorbed last of an origin. Ordinals rise, so that one number says which are known.
    static let copyMigration = """
        CREATE TABLE absorbed (
            namespace TEXT NOT NULL,
            name TEXT NOT NULL,
            origin TEXT NOT NULL,
            ordinal INTEGER NOT NULL,
            PRIMARY KEY (namespace, name, origin)
        ) STRICT;
        """

    public func absorb(_ copies: [EventCopy]) async throws {
        guard !copies.isEmpty else { return }
        let rows = try copies.sorted { $0.ordinal < $1.ordinal }.map { ($0, try EventRow($0.event, of: $0.deployment)) }
        try await write { db in
            for (copy, row) in rows where try Self.isNew(copy, db) { try row.insert(db) }
        }
    }

    /// Remembers it as well.
    private static func isNew(_ copy: EventCopy, _ db: Database) throws -> Bool {
        let key: StatementArguments = [copy.deployment.namespace, copy.deployment.name]
        let last = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT ordinal FROM absorbed WHERE namespace = ? AND name = ? AND origin = ?"),
            arguments: key + [copy.origin])
        guard copy.ordinal > last ?? 0 else { return false }
        // Events refer to a deployment's row. It has no state here: that is in the record.
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
