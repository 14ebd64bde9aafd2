import ControlPorts
import Foundation
import GRDB
import ModelManifests
import Rollouts
import Testing

@testable import Journal

@Suite("Retention")
struct RetentionTests {
    private let folder: TemporaryFolder
    private let store: JournalStore

    init() throws {
        folder = try TemporaryFolder()
        store = try JournalStore(path: folder.file())
    }

    /// Writes `count` events, one per second from `start` on.
    private func write(_ count: Int, of name: String, from start: Int) async throws {
        let key = DeploymentKey(name: name)
        let events = (0..<count).map {
            RolloutEvent(
                at: Date(timeIntervalSince1970: Double(start + $0)), kind: .stepStarted, message: "\(start + $0)")
        }
        let version = try await store.record(for: key)?.version
        try await store.swap(key, expecting: version, state: Data("kept".utf8), events: events)
    }

    private func seconds(of name: String) async throws -> [Int] {
        try await store.events(matching: EventFilter(deployment: DeploymentKey(name: name)), limit: 10_000)
            .compactMap { Int($0.event.message) }
    }

    @Test("deletes events beyond a deployment's newest, separately for each deployment")
    func perDeployment() async throws {
        try await write(1_500, of: "busy", from: 0)
        try await write(30, of: "calm", from: 0)
        #expect(try await store.prune(eventsOlderThan: .distantPast, keepingPerDeployment: 200) == 1_300)
        #expect(try await seconds(of: "busy") == (1_300..<1_500).reversed())
        #expect(try await seconds(of: "calm") == (0..<30).reversed())
        #expect(try await store.record(for: DeploymentKey(name: "busy"))?.state == Data("kept".utf8))
    }

    @Test("deletes old events, but keeps the newest hundred of a deployment at any age")
    func age() async throws {
        try await write(150, of: "old", from: 0)
        try await write(1_200, of: "mixed", from: 0)
        try await write(300, of: "young", from: 10_000)
        let deleted = try await store.prune(
            eventsOlderThan: Date(timeIntervalSince1970: 1_000), keepingPerDeployment: 10_000)
        #expect(deleted == 50 + 1_000)
        #expect(try await seconds(of: "old") == (50..<150).reversed())
        #expect(try await seconds(of: "mixed") == (1_000..<1_200).reversed())
        #expect(try await seconds(of: "young").count == 300)
    }

    @Test("keeps ninety days by default")
    func defaults() async throws {
        let day = 86_400
        try await write(200, of: "a", from: 0)
        try await write(200, of: "a", from: 10 * day)
        let deleted = try await store.prune(now: Date(timeIntervalSince1970: Double(95 * day)))
        #expect(deleted == 200)
        #expect(try await seconds(of: "a").last == 10 * day)
    }

    @Test("never uses an id twice, even if the newest events were deleted")
    func ids() async throws {
        try await write(3, of: "a", from: 0)
        try await store.database.write { try $0.execute(sql: "DELETE FROM event") }
        try await write(1, of: "a", from: 9)
        #expect(try await store.events(matching: EventFilter(), limit: 9).map(\.id) == [4])
    }

    @Test("does nothing in an empty journal")
    func empty() async throws {
        #expect(try await store.prune(eventsOlderThan: .distantFuture, keepingPerDeployment: 1) == 0)
    }

    @Test("finds its events by index: no query reads the whole table")
    func indexes() async throws {
        let plans = try await store.database.read { db in
            try [
                "SELECT * FROM event WHERE namespace = 'a' AND name = 'b' ORDER BY id DESC LIMIT 5",
                "SELECT * FROM event WHERE id > 5 ORDER BY id DESC LIMIT 5",
                "SELECT name FROM event WHERE (namespace, name) > ('a', 'b') ORDER BY namespace, name LIMIT 1",
                "SELECT max(at_seconds) FROM event",
            ].map { try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + $0).map { $0["detail"] as String }.joined() }
        }
        #expect(plans.filter { !$0.contains("SEARCH") || $0.contains("TEMP B-TREE") } == [])
    }
}
