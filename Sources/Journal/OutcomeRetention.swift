import ControlPorts
import Foundation
import GRDB
import ModelManifests

extension JournalStore {
    /// Outcomes of requests older than this are refused, so that their requests need not be remembered. One day more
    /// than the limit for reports, in case a clock is set back.
    static let outcomeMemory: Duration = OutcomeLimits.age + .seconds(86_400)
    /// Sums per minute are kept for this long, also for a rollout that takes longer.
    static let outcomeMinutesAge: Duration = .seconds(90 * 86_400)

    /// Deletes outcomes that can no longer be reported again, and all outcomes of revisions to which no rollback is
    /// possible. Works in small transactions, so that swaps can run in between.
    ///
    /// - Parameter known: the revisions that each deployment serves, evaluates, or could roll back to.
    package func pruneOutcomes(keeping known: [DeploymentKey: Set<Revision>], now: Date = Date()) async throws {
        let forgotten = Int(now.timeIntervalSince1970) - Int(Self.outcomeMemory / .seconds(1))
        let firstMinute = (Int(now.timeIntervalSince1970) - Int(Self.outcomeMinutesAge / .seconds(1))) / 60
        for series in try await outcomeSeries() {
            if known[series.deployment]?.contains(series.revision) != true {
                try await removeSeries(series.id)
            } else {
                try await prune(series.id, upTo: forgotten, minutesBefore: firstMinute)
            }
        }
    }

    private struct SeriesRow: Sendable {
        var id: Int64
        var deployment: DeploymentKey
        var revision: Revision
    }

    private func outcomeSeries() async throws -> [SeriesRow] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT id, namespace, name, revision FROM outcome_series ORDER BY id").map {
                SeriesRow(
                    id: $0[0], deployment: DeploymentKey(namespace: $0[1], name: $0[2]),
                    revision: Revision(rawValue: $0[3]))
            }
        }
    }

    private func removeSeries(_ id: Int64) async throws {
        // Delete the rows first, in batches: a cascade over half a million rows would block every swap.
        try await forget(id, upTo: Int.max)
        try await write { db in
            try db.execute(sql: "DELETE FROM outcome_series WHERE id = ?", arguments: [id])
        }
    }

    private func prune(_ id: Int64, upTo seconds: Int, minutesBefore minute: Int) async throws {
        try await write { db in
            // Move the horizon first: a request that is no longer remembered must not count again.
            try db.execute(
                sql: "UPDATE outcome_series SET horizon_seconds = max(horizon_seconds, ?) WHERE id = ?",
                arguments: [seconds, id])
            try db.execute(
                sql: "DELETE FROM outcome_minute WHERE series = ? AND minute < ?", arguments: [id, minute])
        }
        try await forget(id, upTo: seconds)
    }

    private func forget(_ id: Int64, upTo seconds: Int) async throws {
        var batches = 0
        var deleted = Self.pruneBatchSize
        while deleted == Self.pruneBatchSize, batches < Self.mostPruneBatches {
            deleted = try await write { db in
                try db.execute(
                    sql: """
                        DELETE FROM outcome WHERE (series, request_seconds, request_random) IN (
                            SELECT series, request_seconds, request_random FROM outcome
                            WHERE series = ? AND request_seconds <= ? ORDER BY request_seconds LIMIT ?)
                        """, arguments: [id, seconds, Self.pruneBatchSize])
                let count = db.changesCount
                try db.execute(
                    sql: "UPDATE outcome_series SET remembered = remembered - ? WHERE id = ?", arguments: [count, id])
                return count
            }
            batches += 1
        }
    }
}
