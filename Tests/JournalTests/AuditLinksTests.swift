import ControlPorts
import Foundation
import GRDB
import ModelManifests
import Rollouts
import Testing

@testable import Journal

@Suite("The audit trail's links in the journal")
struct AuditLinksTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ count: Int, of name: String, into store: JournalStore, from start: Int = 0) async throws {
        let key = DeploymentKey(name: name)
        let events = (0..<count).map {
            RolloutEvent(
                at: Date(timeIntervalSince1970: Double(start + $0)), kind: .stepStarted, message: "\(start + $0)")
        }
        let version = try await store.record(for: key)?.version
        try await store.swap(key, expecting: version, state: Data("kept".utf8), events: events)
    }

    private func chain(_ store: JournalStore) async throws -> AuditChain {
        var chain = AuditChain()
        var position = 0
        while case let page = try await store.auditEntries(after: position, limit: 7), let last = page.last {
            for entry in page { chain.add(entry) }
            position = last.id
        }
        return chain
    }

    @Test("events that are written, copied and deleted leave a chain that is complete, also after a new start")
    func complete() async throws {
        let path = folder.file()
        let store = try JournalStore(path: path)
        for round in 0..<3 {
            try await write(60, of: "fraud", into: store, from: round * 60)
            try await write(1, of: "churn", into: store, from: round)
        }
        try await store.absorb([
            EventCopy(
                deployment: DeploymentKey(name: "copied"), origin: "c", ordinal: 1,
                event: RolloutEvent(at: Date(timeIntervalSince1970: 1), kind: .deployed, message: "there"))
        ])
        let before = try await chain(store)
        #expect(before.count == 184 && before.problems.isEmpty)
        try await store.prune(eventsOlderThan: .distantPast, keepingPerDeployment: 20)
        let after = try await chain(store)
        #expect(after.count == 20 + 3 + 1 && after.problems.isEmpty)
        let entries = try await store.auditEntries(after: 0, limit: 1_000)
        #expect(AuditChain.rewritten(before.heads, in: entries).isEmpty)
        #expect(entries.first { $0.name == "fraud" }?.previous != "")
        try store.close()
        let again = try JournalStore(path: path)
        // All events of a deployment may go, and the chain goes on.
        try await again.database.write { db in
            _ = try JournalStore.cut(db, DeploymentKey(name: "churn"), upTo: 10_000)
        }
        try await write(1, of: "churn", into: again, from: 90)
        #expect(try await chain(again).problems.isEmpty)
    }

    @Test("a row that somebody changes, or takes out of the file, is found")
    func tampering() async throws {
        let store = try JournalStore(path: folder.file())
        try await write(9, of: "fraud", into: store)
        try await store.database.write {
            try $0.execute(sql: "UPDATE event SET body = replace(body, 'message', 'massage') WHERE id = 4")
        }
        #expect(try await chain(store).problems == [.changed(id: 4)])
        try await store.database.write { try $0.execute(sql: "DELETE FROM event WHERE id = 4") }
        #expect(try await chain(store).problems.isEmpty == false)
    }

    @Test("a journal of an older version gets its links at the first start")
    func migration() async throws {
        let path = folder.file()
        let queue = try DatabaseQueue(path: path)
        try JournalSchema.migrator.migrate(queue, upTo: "4-copies")
        try await queue.write { db in
            try db.execute(
                sql: "INSERT INTO deployment (namespace, name, version, state) VALUES ('default', 'fraud', 1, NULL)")
            for id in 1...5 {
                try db.execute(
                    sql:
                        "INSERT INTO event (namespace, name, at_seconds, kind, body) VALUES ('default', 'fraud', ?, 'deployed', ?)",
                    arguments: [id, "{\"message\":\"\(id)\"}"])
            }
        }
        try queue.close()
        let store = try JournalStore(path: path)
        try await write(2, of: "churn", into: store)
        let found = try await chain(store)
        #expect(found.count == 7 && found.problems.isEmpty)
    }
}
