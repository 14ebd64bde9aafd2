import ControlPorts
import Foundation
import GRDB
import ModelManifests

/// The readings that rollouts were judged by.
extension JournalStore: ReadingStore {
    static let readingMigration = """
        CREATE TABLE rollout (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            namespace TEXT NOT NULL,
            name TEXT NOT NULL,
            revision TEXT NOT NULL,
            version TEXT NOT NULL,
            started_at_seconds REAL NOT NULL,
            UNIQUE (namespace, name, revision, started_at_seconds)
        ) STRICT;

        CREATE TABLE reading (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            rollout INTEGER NOT NULL REFERENCES rollout (id) ON DELETE CASCADE,
            source TEXT NOT NULL,
            t REAL NOT NULL,
            -- The whole reading as JSON.
            body TEXT NOT NULL
        ) STRICT;

        CREATE INDEX reading_of_rollout ON reading (rollout, id);
        CREATE INDEX reading_of_source ON reading (rollout, source, id);
        """

    package func append(_ readings: [RecordedReading], to rollout: RecordedRollout.Identity) async throws {
        try await append([rollout: readings])
    }

    /// Writes everything in one transaction.
    package func append(_ batch: [RecordedRollout.Identity: [RecordedReading]]) async throws {
        let encoder = JSONEncoder()
        let rows = try batch.mapValues { readings in
            try readings.map { reading in
                (reading.source, reading.t, String(decoding: try encoder.encode(reading), as: UTF8.self))
            }
        }
        try await write { db in
            for (rollout, rows) in rows {
                let id = try Self.id(of: rollout, db) ?? Self.open(rollout, db)
                let count = try Int.fetchOne(
                    db.cachedStatement(sql: "SELECT count(*) FROM reading WHERE rollout = ?"), arguments: [id])
                guard (count ?? 0) + rows.count <= RecordedRollout.readingLimit else { continue }
                let insert = try db.cachedStatement(
                    sql: "INSERT INTO reading (rollout, source, t, body) VALUES (?, ?, ?, ?)")
                for (source, t, body) in rows { try insert.execute(arguments: [id, source, t, body]) }
            }
        }
    }

    package func lastReadings(of rollout: RecordedRollout.Identity) async throws -> [RecordedReading] {
        try await read { db in
            guard let id = try Self.id(of: rollout, db) else { return [] }
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, body FROM reading WHERE id IN (
                        SELECT max(id) FROM reading WHERE rollout = ? GROUP BY source)
                    ORDER BY id
                    """, arguments: [id])
            return try rows.map(Self.reading)
        }
    }

    package func rollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, revision, version, started_at_seconds,
                        (SELECT count(*) FROM reading WHERE reading.rollout = rollout.id)
                    FROM rollout WHERE namespace = ? AND name = ? ORDER BY id DESC
                    """, arguments: [deployment.namespace, deployment.name]
            ).map { row in
                RecordedRollout(
                    number: row[0],
                    identity: .init(
                        deployment: deployment, revision: Revision(rawValue: row[1]), version: row[2],
                        startedAt: Date(timeIntervalSince1970: row[3])),
                    readings: row[4])
            }
        }
    }

    package func readings(
        of rollout: Int, in deployment: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading] {
        try await read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT reading.id, body FROM reading JOIN rollout ON rollout.id = reading.rollout
                        WHERE rollout.id = ? AND namespace = ? AND name = ? AND reading.id > ?
                        ORDER BY reading.id LIMIT ?
                        """),
                arguments: [
                    rollout, deployment.namespace, deployment.name, position,
                    min(max(limit, 0), RecordedRollout.readingLimit),
                ]
            ).map(Self.reading)
        }
    }

    private static func reading(_ row: Row) throws -> RecordedReading {
        let text: String = row[1]
        var reading = try JSONDecoder().decode(RecordedReading.self, from: Data(text.utf8))
        reading.position = row[0]
        return reading
    }

    private static func id(of rollout: RecordedRollout.Identity, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT id FROM rollout
                    WHERE namespace = ? AND name = ? AND revision = ? AND started_at_seconds = ?
                    """),
            arguments: [
                rollout.deployment.namespace, rollout.deployment.name, rollout.revision.rawValue,
                rollout.startedAt.timeIntervalSince1970,
            ])
    }

    /// With one rollout too many, the deployment's oldest is deleted.
    private static func open(_ rollout: RecordedRollout.Identity, _ db: Database) throws -> Int64 {
        try db.execute(
            sql: "INSERT INTO rollout (namespace, name, revision, version, started_at_seconds) VALUES (?, ?, ?, ?, ?)",
            arguments: [
                rollout.deployment.namespace, rollout.deployment.name, rollout.revision.rawValue, rollout.version,
                rollout.startedAt.timeIntervalSince1970,
            ])
        let id = db.lastInsertedRowID
        try db.execute(
            sql: """
                DELETE FROM rollout WHERE namespace = ? AND name = ? AND id NOT IN (
                    SELECT id FROM rollout WHERE namespace = ? AND name = ? ORDER BY id DESC LIMIT ?)
                """,
            arguments: [
                rollout.deployment.namespace, rollout.deployment.name, rollout.deployment.namespace,
                rollout.deployment.name, RecordedRollout.perDeploymentLimit,
            ])
        return id
    }
}

extension JournalStore {
    /// Deletes the readings of rollouts that began before `date`.
    package func prune(readingsOfRolloutsBefore date: Date) async throws {
        var batches = 0
        while batches < Self.mostPruneBatches {
            // One rollout for each transaction, so that decisions wait no longer than for that.
            let deleted = try await write { db in
                try db.execute(
                    sql: "DELETE FROM rollout WHERE id = (SELECT min(id) FROM rollout WHERE started_at_seconds < ?)",
                    arguments: [date.timeIntervalSince1970])
                return db.changesCount
            }
            guard deleted > 0 else { return }
            batches += 1
        }
    }
}
