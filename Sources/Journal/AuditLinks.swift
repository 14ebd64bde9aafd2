import ControlPorts
import GRDB
import ModelManifests

/// The chain of a deployment's events: each row has the link of its event, which depends on the link of the event before.
extension JournalStore {
    static func addAuditLinks(_ db: Database) throws {
        try db.execute(
            sql: """
                ALTER TABLE event ADD COLUMN link TEXT NOT NULL DEFAULT '';

                CREATE TABLE audit_cut (
                    namespace TEXT NOT NULL,
                    name TEXT NOT NULL,
                    link TEXT NOT NULL,
                    PRIMARY KEY (namespace, name)
                ) STRICT;
                """)
        var last: [DeploymentKey: String] = [:]
        var links: [(Int, String)] = []
        let rows = try Row.fetchCursor(db, sql: "SELECT id, namespace, name, body FROM event ORDER BY id")
        while let row = try rows.next() {
            let deployment = DeploymentKey(namespace: row[1], name: row[2])
            let link = AuditChain.link(previous: last[deployment] ?? "", deployment: deployment, body: row[3])
            last[deployment] = link
            links.append((row[0], link))
        }
        for (id, link) in links {
            try db.cachedStatement(sql: "UPDATE event SET link = ? WHERE id = ?").execute(arguments: [link, id])
        }
    }

    /// The link of a deployment's newest event, or of the last one that was deleted; "" if there was none.
    static func lastLink(_ db: Database, of deployment: DeploymentKey) throws -> String {
        let key: StatementArguments = [deployment.namespace, deployment.name]
        let newest = try String.fetchOne(
            db.cachedStatement(
                sql: "SELECT link FROM event WHERE namespace = ? AND name = ? ORDER BY id DESC LIMIT 1"),
            arguments: key)
        return try newest
            ?? String.fetchOne(
                db.cachedStatement(sql: "SELECT link FROM audit_cut WHERE namespace = ? AND name = ?"), arguments: key)
            ?? ""
    }

    /// Deletes a deployment's events up to this one, and keeps its link: the chain of those that stay begins with it.
    ///
    /// - Returns: how many were deleted.
    static func cut(_ db: Database, _ deployment: DeploymentKey, upTo id: Int) throws -> Int {
        try db.cachedStatement(
            sql: """
                INSERT INTO audit_cut (namespace, name, link) SELECT namespace, name, link FROM event WHERE id = ?
                ON CONFLICT DO UPDATE SET link = excluded.link
                """
        ).execute(arguments: [id])
        try db.cachedStatement(sql: "DELETE FROM event WHERE namespace = ? AND name = ? AND id <= ?").execute(
            arguments: [deployment.namespace, deployment.name, id])
        return db.changesCount
    }

    package func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry] {
        let limit = min(max(limit, 0), Self.mostEventsPerQuery)
        return try await read { db in
            let rows = try Row.fetchCursor(
                db.cachedStatement(
                    sql: """
                        SELECT id, namespace, name, body, link, coalesce(
                            (SELECT link FROM event AS before WHERE before.namespace = event.namespace
                                AND before.name = event.name AND before.id < event.id ORDER BY before.id DESC LIMIT 1),
                            (SELECT link FROM audit_cut WHERE audit_cut.namespace = event.namespace
                                AND audit_cut.name = event.name), '')
                        FROM event WHERE id > ? ORDER BY id LIMIT ?
                        """),
                arguments: [id, limit])
            var entries: [AuditEntry] = []
            while let row = try rows.next() {
                entries.append(
                    AuditEntry(
                        id: row[0], deployment: DeploymentKey(namespace: row[1], name: row[2]), previous: row[5],
                        body: row[3], link: row[4]))
            }
            return entries
        }
    }
}
