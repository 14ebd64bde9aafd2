import ControlPorts
import Foundation
import GRDB
import ModelManifests
import Rollouts

/// The state store and the audit trail in one SQLite file, together with outcomes and the readings of rollouts.
///
/// # Guarantees
/// - Those of `StateStore`. A swap is on the disk when it returns (write-ahead log, `synchronous = FULL`). It survives
///   a kill at any moment and a power cut.
/// - The versions of a name only rise, also over deletions.
/// - A damaged file is moved aside as `PATH.corrupt-N` and never deleted; `recovered` describes it. A file of a newer
///   mlctl or of another program is refused and left unchanged.
/// - No disk error ends the process: no part of the file is mapped into memory.
/// - While it is open, no other process can read or write the file. If another program holds the file, or the disk is
///   full, it is opened as soon as that is possible; until then every call throws the reason.
///
/// # Errors `JournalError`, and `StateConflict` from `swap`.
package final class JournalStore: StateStore {
    /// The most events that one query returns.
    package static let mostEventsPerQuery = 10_000

    package let path: String
    private let door: JournalOpener
    private let retreats: WithdrawalPages?
    private let quarantine: QuarantineFile

    /// Opens and checks the file, and creates it, with its folder, if it is missing. The check takes time in proportion
    /// to the file's size.
    ///
    /// - Parameter onRecovery: called with a description if the file was damaged and a new one was started.
    /// - Throws: errors that a retry cannot resolve. If the file is held or its disk is full, it is opened later: see
    ///   `problem`.
    package init(path: String, onRecovery: @escaping @Sendable (String) -> Void = { _ in }) throws {
        self.path = path
        door = try JournalOpener(path: path, onRecovery: onRecovery)
        retreats = WithdrawalPages(path: "\(path)-retreats")
        quarantine = QuarantineFile(path: "\(path)-quarantine")
    }

    /// What happened if the file was damaged and a new one was started; otherwise nil.
    package var recovered: String? { door.recovered }

    /// Why the file is not open yet; nil if it is.
    package var problem: JournalError? { door.problem }

    var database: DatabaseQueue { get throws { try door.opened() } }

    /// Closes the file after the calls in progress. Later calls throw.
    package func close() throws { try JournalError.mapping(path) { try door.close() } }

    package func records() async throws -> [DeploymentKey: StateRecord] {
        var records = try await storedRecords()
        for (deployment, record) in records { records[deployment] = newest(record, of: deployment) }
        return records
    }

    /// A retreat that was kept aside for this version of the record replaces it, until the record has another version.
    private func newest(_ record: StateRecord, of deployment: DeploymentKey) -> StateRecord {
        guard let kept = retreats?.entry(of: deployment, at: record.version) else { return record }
        return StateRecord(version: record.version, state: kept.state)
    }

    private func storedRecords() async throws -> [DeploymentKey: StateRecord] {
        try await read { db in
            let rows = try Row.fetchCursor(
                db, sql: "SELECT namespace, name, version, state FROM deployment WHERE state IS NOT NULL")
            var records: [DeploymentKey: StateRecord] = [:]
            while let row = try rows.next() {
                records[DeploymentKey(namespace: row[0], name: row[1])] = StateRecord(version: row[2], state: row[3])
            }
            return records
        }
    }

    package func record(for deployment: DeploymentKey) async throws -> StateRecord? {
        try await read { db in
            try Row.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT version, state FROM deployment
                        WHERE namespace = ? AND name = ? AND state IS NOT NULL
                        """),
                arguments: [deployment.namespace, deployment.name]
            ).map { StateRecord(version: $0[0], state: $0[1]) }
        }.map { newest($0, of: deployment) }
    }

    package func knownQuarantine(of deployment: DeploymentKey) async -> [Quarantine]? {
        quarantine.quarantine(of: deployment)
    }

    package func note(quarantine: [Quarantine]?, of deployment: DeploymentKey) async throws {
        try self.quarantine.note(quarantine, of: deployment)
    }

    package func storeWithdrawal(
        _ deployment: DeploymentKey, expecting: Int?, state: Data, events: [RolloutEvent]
    ) async -> Bool {
        retreats?.keep(
            WithdrawalPages.Entry(
                namespace: deployment.namespace, name: deployment.name, expecting: expecting, state: state,
                events: events)) ?? false
    }

    @discardableResult
    package func swap(
        _ deployment: DeploymentKey, expecting: Int?, state: Data?, events: [RolloutEvent]
    ) async throws -> Int {
        // Events that an earlier controller kept aside have not been reported yet. This controller knows its own
        // events.
        let missed = retreats?.entry(of: deployment, at: expecting)?.events.filter { !events.contains($0) } ?? []
        let rows = try (missed + events).map { try EventRow($0, of: deployment) }
        let version = try await write { db in
            let key: StatementArguments = [deployment.namespace, deployment.name]
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT version, state IS NOT NULL FROM deployment WHERE namespace = ? AND name = ?"),
                arguments: key)
            let last: Int = row?[0] ?? 0
            let found = row?[1] == true ? last : nil
            guard found == expecting else {
                throw StateConflict(deployment: deployment, expected: expecting, found: found)
            }
            try db.cachedStatement(
                sql: """
                    INSERT INTO deployment (namespace, name, version, state) VALUES (?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET version = excluded.version, state = excluded.state
                    """
            ).execute(arguments: key + [last + 1, state])
            for row in rows { try row.insert(db) }
            return last + 1
        }
        retreats?.forget(deployment)
        return version
    }

    package func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent] {
        let limit = min(max(limit, 0), Self.mostEventsPerQuery)
        return try await read { db in try EventRow.fetch(db, matching: filter, limit: limit) }
    }

    /// The latest recorded time of an event: the controller's time must not go back behind it. Nil if there are no
    /// events.
    package func latestEventAt() async throws -> Date? {
        try await read { db in
            try Double.fetchOne(db, sql: "SELECT max(at_seconds) FROM event").map(Date.init(timeIntervalSince1970:))
        }
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do { return try await door.enter().read(body) } catch let error as DatabaseError {
            throw JournalError(error, path: path)
        }
    }

    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do { return try await door.enter().write(body) } catch let error as DatabaseError {
            throw JournalError(error, path: path)
        }
    }
}
