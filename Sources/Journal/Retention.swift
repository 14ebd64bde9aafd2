import ControlPorts
import Foundation
import GRDB
import ModelManifests

/// How long events and the readings of rollouts are kept.
package struct Retention: Hashable, Sendable {
    package var age: Duration
    /// The number of newest events that are kept for each deployment. Older ones are deleted whatever their age.
    package var perDeployment: Int

    package init(age: Duration = .seconds(90 * 86_400), perDeployment: Int = 10_000) {
        self.age = age
        self.perDeployment = perDeployment
    }
}

extension JournalStore {
    /// A deployment's newest events are kept whatever their age: a deployment that did not change for a year keeps its
    /// history.
    package static let eventsKeptAtAnyAge = AuditChain.keptAtAnyAge
    /// The most events that one transaction deletes: decisions wait no longer than for that.
    package static let pruneBatchSize = 500
    /// The most batches that one call deletes. The next call continues.
    package static let mostPruneBatches = 1_000

    /// Deletes readings and events that are outside `retention` at `now`.
    ///
    /// - Returns: how many events were deleted.
    @discardableResult
    package func prune(_ retention: Retention = Retention(), now: Date = Date()) async throws -> Int {
        let oldest = now.addingTimeInterval(-TimeInterval(retention.age.components.seconds))
        try await prune(readingsOfRolloutsBefore: oldest)
        return try await prune(eventsOlderThan: oldest, keepingPerDeployment: retention.perDeployment)
    }

    /// Deletes events that are older than `date`, and those beyond each deployment's newest `count`. Works in small
    /// transactions, so that swaps can run in between.
    ///
    /// - Returns: how many events were deleted.
    @discardableResult
    package func prune(eventsOlderThan date: Date, keepingPerDeployment count: Int) async throws -> Int {
        var (deleted, batches) = (0, 0)
        var last: DeploymentKey?
        while batches < Self.mostPruneBatches, let cut = try await nextCut(after: last, keeping: max(count, 1)) {
            var batch = Self.pruneBatchSize
            while batch == Self.pruneBatchSize, batches < Self.mostPruneBatches {
                batch = try await delete(cut, olderThan: date)
                deleted += batch
                batches += 1
            }
            last = cut.deployment
        }
        return deleted
    }

    /// The events of one deployment that may be deleted.
    private struct Cut: Sendable {
        var deployment: DeploymentKey
        /// Events with a lower id may be deleted whatever their age. Nil: there are too few events.
        var anyBelow: Int?
        /// Events with a lower id may be deleted if they are old. Nil: there are too few events.
        var oldBelow: Int?
    }

    /// The first deployment after `last`, by name, that has more events than are kept at any age.
    private func nextCut(after last: DeploymentKey?, keeping count: Int) async throws -> Cut? {
        try await read { db in
            var last = last
            // The loop ends, because each turn goes on to a later name.
            while let deployment = try Self.deploymentWithEvents(db, after: last) {
                let cut = Cut(
                    deployment: deployment, anyBelow: try Self.id(db, ofNewest: count, deployment),
                    oldBelow: try Self.id(db, ofNewest: min(Self.eventsKeptAtAnyAge, count), deployment))
                if cut.oldBelow != nil { return cut }
                last = deployment
            }
            return nil
        }
    }

    private static func deploymentWithEvents(_ db: Database, after last: DeploymentKey?) throws -> DeploymentKey? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT namespace, name FROM event WHERE (namespace, name) > (?, ?)
                    ORDER BY namespace, name LIMIT 1
                    """),
            arguments: [last?.namespace ?? "", last?.name ?? ""]
        ).map { DeploymentKey(namespace: $0[0], name: $0[1]) }
    }

    /// The id of the `count`-th newest event. Nil if there are fewer.
    private static func id(_ db: Database, ofNewest count: Int, _ deployment: DeploymentKey) throws -> Int? {
        try Int.fetchOne(
            db.cachedStatement(
                sql: "SELECT id FROM event WHERE namespace = ? AND name = ? ORDER BY id DESC LIMIT 1 OFFSET ?"),
            arguments: [deployment.namespace, deployment.name, count - 1])
    }

    private func delete(_ cut: Cut, olderThan date: Date) async throws -> Int {
        let key: StatementArguments = [cut.deployment.namespace, cut.deployment.name]
        return try await write { db in
            // Only the oldest ones, without a gap: the chain of those that stay must hold.
            let firstYoung = try Int.fetchOne(
                db.cachedStatement(
                    sql: "SELECT id FROM event WHERE namespace = ? AND name = ? AND at_seconds >= ? ORDER BY id LIMIT 1"
                ),
                arguments: key + [date.timeIntervalSince1970])
            let below = max(cut.anyBelow ?? 0, min(cut.oldBelow ?? 0, firstYoung ?? .max))
            let ids = try Int.fetchAll(
                db.cachedStatement(
                    sql: "SELECT id FROM event WHERE namespace = ? AND name = ? AND id < ? ORDER BY id LIMIT ?"),
                arguments: key + [below, Self.pruneBatchSize])
            return try ids.last.map { try Self.cut(db, cut.deployment, upTo: $0) } ?? 0
        }
    }
}
