import ControlPorts
import Foundation
import GRDB
import ModelManifests
import Serving

/// Outcomes: single ones for as long as their requests may be reported again, and sums for each minute of the requests.
extension JournalStore: OutcomeStore {
    static let outcomeMigration = """
        CREATE TABLE outcome_series (
            id INTEGER PRIMARY KEY,
            namespace TEXT NOT NULL,
            name TEXT NOT NULL,
            revision TEXT NOT NULL,
            label TEXT NOT NULL,
            highest REAL NOT NULL,
            -- Rows in `outcome`.
            remembered INTEGER NOT NULL,
            -- Requests up to this second were forgotten one by one: they count no more.
            horizon_seconds INTEGER NOT NULL,
            UNIQUE (namespace, name, revision, label)
        ) STRICT;

        CREATE TABLE outcome (
            series INTEGER NOT NULL REFERENCES outcome_series (id) ON DELETE CASCADE,
            request_seconds INTEGER NOT NULL,
            request_random INTEGER NOT NULL,
            value REAL NOT NULL,
            PRIMARY KEY (series, request_seconds, request_random)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE outcome_minute (
            series INTEGER NOT NULL REFERENCES outcome_series (id) ON DELETE CASCADE,
            minute INTEGER NOT NULL,
            count INTEGER NOT NULL,
            sum REAL NOT NULL,
            PRIMARY KEY (series, minute)
        ) STRICT, WITHOUT ROWID;
        """

    package func record(
        _ outcomes: [VerifiedOutcome], of deployment: DeploymentKey
    ) async throws -> OutcomeReceipt {
        try await record(outcomes, of: deployment, remembering: OutcomeLimits.remembered)
    }

    func record(
        _ outcomes: [VerifiedOutcome], of deployment: DeploymentKey, remembering limit: Int
    ) async throws -> OutcomeReceipt {
        let series = Dictionary(grouping: outcomes) { Series(revision: $0.request.revision, label: $0.reported.label) }
        return try await write { db in
            var receipt = OutcomeReceipt()
            for (series, outcomes) in series.sorted(by: { $0.key < $1.key }) {
                receipt = receipt + (try series.record(outcomes, of: deployment, remembering: limit, db))
            }
            return receipt
        }
    }

    package func totals(
        of deployment: DeploymentKey, revisions: [Revision], labels: [String], since: Date?
    ) async throws -> [Reading] {
        let firstMinute = since.map { Int(($0.timeIntervalSince1970 / 60).rounded(.up)) } ?? 0
        return try await read { db in
            try revisions.map { revision in
                let rows = try Row.fetchCursor(
                    db.cachedStatement(
                        sql: """
                            SELECT label, total(minute.count), total(minute.sum)
                            FROM outcome_series AS series JOIN outcome_minute AS minute ON minute.series = series.id
                            WHERE namespace = ? AND name = ? AND revision = ? AND minute >= ?
                            GROUP BY label
                            """),
                    arguments: [deployment.namespace, deployment.name, revision.rawValue, firstMinute])
                var totals: [String: (count: Int, sum: Double)] = [:]
                while let row = try rows.next() {
                    let count: Double = row[1]
                    totals[row[0]] = (Int(count), row[2])
                }
                return .outcomes(of: revision, totals, labels: labels)
            }
        }
    }
}

/// One label of one revision.
private struct Series: Hashable, Comparable {
    var revision: Revision
    var label: String

    static func < (left: Series, right: Series) -> Bool {
        (left.revision, left.label) < (right.revision, right.label)
    }

    private struct Known {
        var id: Int64
        var remembered: Int
        var horizonSeconds: Int
    }

    func record(
        _ outcomes: [VerifiedOutcome], of deployment: DeploymentKey, remembering limit: Int, _ db: Database
    ) throws -> OutcomeReceipt {
        guard var known = try find(deployment, db) ?? open(deployment, db) else {
            let reason = "revision \(revision) already has \(OutcomeLimits.labels) labels, the most that are allowed"
            return OutcomeReceipt(refusals: outcomes.map { .init($0.reported, reason) })
        }
        var receipt = OutcomeReceipt()
        var minutes: [Int: (count: Int, sum: Double)] = [:]
        var highest = 0.0
        var forgotten: [OutcomeReceipt.Refusal] = []
        let insert = try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO outcome (series, request_seconds, request_random, value) VALUES (?, ?, ?, ?)")
        for outcome in outcomes {
            let seconds = Int(outcome.request.atSeconds)
            guard seconds > known.horizonSeconds else {
                forgotten.append(
                    .init(
                        outcome.reported,
                        "its request is too old: outcomes of requests from that time are no longer accepted"))
                continue
            }
            let value = outcome.reported.value
            try insert.execute(arguments: [known.id, seconds, Int(outcome.request.random), value])
            guard db.changesCount > 0 else {
                receipt.repeated += 1
                continue
            }
            receipt.accepted += 1
            minutes[seconds / 60, default: (0, 0)].count += 1
            minutes[seconds / 60, default: (0, 0)].sum += value
            highest = max(highest, value)
        }
        known.remembered += receipt.accepted
        try add(minutes, to: known, db)
        try trim(&known, to: limit, db)
        try db.cachedStatement(
            sql: "UPDATE outcome_series SET highest = max(highest, ?), remembered = ?, horizon_seconds = ? WHERE id = ?"
        ).execute(arguments: [highest, known.remembered, known.horizonSeconds, known.id])
        return receipt + OutcomeReceipt(refusals: forgotten)
    }

    private func find(_ deployment: DeploymentKey, _ db: Database) throws -> Known? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT id, remembered, horizon_seconds FROM outcome_series
                    WHERE namespace = ? AND name = ? AND revision = ? AND label = ?
                    """),
            arguments: [deployment.namespace, deployment.name, revision.rawValue, label]
        ).map { Known(id: $0[0], remembered: $0[1], horizonSeconds: $0[2]) }
    }

    /// - Returns: nil if the revision already has the most labels that are allowed.
    private func open(_ deployment: DeploymentKey, _ db: Database) throws -> Known? {
        let arguments: StatementArguments = [deployment.namespace, deployment.name, revision.rawValue]
        let count = try Int.fetchOne(
            db.cachedStatement(
                sql: "SELECT count(*) FROM outcome_series WHERE namespace = ? AND name = ? AND revision = ?"),
            arguments: arguments)
        guard (count ?? 0) < OutcomeLimits.labels else { return nil }
        try db.cachedStatement(
            sql: """
                INSERT INTO outcome_series (namespace, name, revision, label, highest, remembered, horizon_seconds)
                VALUES (?, ?, ?, ?, 0, 0, -1)
                """
        ).execute(arguments: arguments + [label])
        return Known(id: db.lastInsertedRowID, remembered: 0, horizonSeconds: -1)
    }

    private func add(_ minutes: [Int: (count: Int, sum: Double)], to known: Known, _ db: Database) throws {
        for (minute, added) in minutes {
            try db.cachedStatement(
                sql: """
                    INSERT INTO outcome_minute (series, minute, count, sum) VALUES (?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET count = count + excluded.count, sum = sum + excluded.sum
                    """
            ).execute(arguments: [known.id, minute, added.count, added.sum])
        }
    }

    /// If a series is over its limit, forgets its oldest requests, a tenth of the limit at a time. Their sums stay.
    private func trim(_ known: inout Known, to limit: Int, _ db: Database) throws {
        guard known.remembered > limit else { return }
        let last = try Int.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT request_seconds FROM outcome WHERE series = ?
                    ORDER BY request_seconds DESC LIMIT 1 OFFSET ?
                    """),
            arguments: [known.id, limit - limit / 10])
        guard let last else { return }
        try db.cachedStatement(sql: "DELETE FROM outcome WHERE series = ? AND request_seconds <= ?")
            .execute(arguments: [known.id, last])
        known.remembered -= db.changesCount
        known.horizonSeconds = last
    }
}
