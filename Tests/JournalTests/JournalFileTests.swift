import ControlPorts
import Foundation
import GRDB
import ModelManifests
import Rollouts
import Serving
import Testing

@testable import Journal

@Suite("The journal's file")
struct JournalFileTests {
    private let folder: TemporaryFolder
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")

    init() throws { folder = try TemporaryFolder() }

    private func event(_ message: String) -> RolloutEvent {
        RolloutEvent(at: Date(timeIntervalSince1970: 1_000), kind: .stepStarted, message: message)
    }

    /// A closed journal with one record and one event.
    private func writtenJournal() async throws -> String {
        let store = try JournalStore(path: folder.file())
        try await store.swap(fraud, expecting: nil, state: Data("one".utf8), events: [event("deployed")])
        try store.close()
        return store.path
    }

    @Test("is created if it is missing, with its folder, for its owner only")
    func creation() async throws {
        let path = folder.file("state/of/mlctl/journal.sqlite")
        let store = try JournalStore(path: path)
        try await store.swap(fraud, expecting: nil, state: Data(), events: [])
        #expect(store.recovered == nil)
        #expect(try folder.permissions(path) == 0o600)
        #expect(try folder.permissions(path + "-wal") == 0o600)
        #expect(try folder.permissions(folder.file("state/of/mlctl")) == 0o700)
    }

    @Test("becomes private if it was not")
    func permissions() async throws {
        let path = try await writtenJournal()
        #expect(chmod(path, 0o644) == 0)
        _ = try JournalStore(path: path)
        #expect(try folder.permissions(path) == 0o600)
    }

    @Test("uses a write-ahead log, and is synchronised at every commit")
    func durability() async throws {
        let store = try JournalStore(path: folder.file())
        let (mode, synchronous, foreignKeys) = try await store.database.writeWithoutTransaction { db in
            (
                try String.fetchOne(db, sql: "PRAGMA journal_mode"), try Int.fetchOne(db, sql: "PRAGMA synchronous"),
                try Bool.fetchOne(db, sql: "PRAGMA foreign_keys")
            )
        }
        #expect(mode == "wal")
        #expect(synchronous == 2)
        #expect(foreignKeys == true)
    }

    @Test("has everything after a restart")
    func restart() async throws {
        let path = try await writtenJournal()
        let store = try JournalStore(path: path)
        #expect(store.recovered == nil)
        #expect(try await store.record(for: fraud) == StateRecord(version: 1, state: Data("one".utf8)))
        #expect(try await store.events(matching: EventFilter(), limit: 9).map(\.event) == [event("deployed")])
        #expect(try await store.latestEventAt() == Date(timeIntervalSince1970: 1_000))
        #expect(try await store.swap(fraud, expecting: 1, state: Data("two".utf8), events: []) == 2)
    }

    // MARK: Held by another program

    @Test("that another program holds is reported, and opened when the other program has closed it")
    func held() async throws {
        let path = try await writtenJournal()
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: path, configuration: configuration)
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        let store = try JournalStore(path: path)
        #expect(store.problem?.code == .busy)
        let error = await #expect(throws: JournalError.self) {
            try await store.swap(fraud, expecting: 1, state: Data("two".utf8), events: [])
        }
        #expect(error?.code == .busy && error?.retryClass == .transient)
        #expect(error?.message.contains("Another process holds the journal") == true)
        try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try other.close()
        #expect(try await goesOn(store, expecting: 1) == 2)
        #expect(store.problem == nil && store.recovered == nil)
    }

    @Test("belongs to one process while it is open, and to the next one when it is closed")
    func exclusive() async throws {
        let path = try await writtenJournal()
        let first = try JournalStore(path: path)
        let second = try JournalStore(path: path)
        #expect(first.problem == nil && second.problem?.code == .busy)
        #expect(try await first.swap(fraud, expecting: 1, state: Data("two".utf8), events: []) == 2)
        try first.close()
        #expect(try await goesOn(second, expecting: 2) == 3)
    }

    /// Retries until it is possible, as a controller does.
    private func goesOn(_ store: JournalStore, expecting version: Int) async throws -> Int? {
        for _ in 0..<1000 {
            do {
                return try await store.swap(fraud, expecting: version, state: Data("more".utf8), events: [])
            } catch let error as JournalError where error.code == .busy {
                try await ContinuousClock().sleep(for: .milliseconds(10))
            }
        }
        return nil
    }

    @Test("is not mapped into memory, so no disk error can end the process")
    func notMapped() async throws {
        let store = try JournalStore(path: folder.file())
        try await store.swap(fraud, expecting: nil, state: Data(repeating: 1, count: 1_000_000), events: [event("a")])
        _ = try await store.records()
        #expect(try folder.names == ["journal.sqlite", "journal.sqlite-retreats", "journal.sqlite-wal"])
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        #expect(!maps.contains(folder.path))
    }

    // MARK: Killed

    /// The files as a SIGKILL leaves them: as they are at this moment.
    private func copyFiles(of path: String, to name: String, walBytes: Int? = nil) throws -> String {
        let copy = folder.file(name)
        try Data(contentsOf: URL(filePath: path)).write(to: URL(filePath: copy))
        let wal = try Data(contentsOf: URL(filePath: path + "-wal"))
        try wal.prefix(walBytes ?? wal.count).write(to: URL(filePath: copy + "-wal"))
        return copy
    }

    @Test("has every swap that returned, although its owner is killed before it closes")
    func killed() async throws {
        let store = try JournalStore(path: folder.file())
        for version in 0..<20 {
            try await store.swap(
                fraud, expecting: version == 0 ? nil : version, state: Data("\(version + 1)".utf8),
                events: [event("\(version + 1)")])
        }
        let left = try JournalStore(path: copyFiles(of: store.path, to: "left.sqlite"))
        #expect(left.recovered == nil)
        #expect(try await left.record(for: fraud) == StateRecord(version: 20, state: Data("20".utf8)))
        #expect(try await left.events(matching: EventFilter(), limit: 99).count == 20)
    }

    @Test("has nothing of a swap if its owner is killed in the middle")
    func killedInTransaction() async throws {
        let store = try JournalStore(path: folder.file())
        try await store.swap(fraud, expecting: nil, state: Data("one".utf8), events: [event("deployed")])
        let folder = folder
        let copy = try await store.database.write { db in
            // More than the page cache holds, so that pages of the open transaction are already in the log.
            try db.execute(sql: "PRAGMA cache_size = 10")
            try db.execute(sql: "UPDATE deployment SET version = 2, state = zeroblob(1000000)")
            try db.execute(sql: "DELETE FROM event")
            try #require(Data(contentsOf: URL(filePath: folder.file() + "-wal")).count > 500_000)
            return try self.copyFiles(of: folder.file(), to: "left.sqlite")
        }
        let left = try JournalStore(path: copy)
        #expect(left.recovered == nil)
        #expect(try await left.record(for: fraud) == StateRecord(version: 1, state: Data("one".utf8)))
        #expect(try await left.events(matching: EventFilter(), limit: 9).map(\.event) == [event("deployed")])
    }

    @Test("wherever its log is cut off, has all swaps up to some point, each with its events, and none after it")
    func tornLog() async throws {
        let store = try JournalStore(path: folder.file())
        for version in 0..<6 {
            try await store.swap(
                fraud, expecting: version == 0 ? nil : version, state: Data("\(version + 1)".utf8),
                events: [event("\(version + 1)")])
        }
        let log = try Data(contentsOf: URL(filePath: store.path + "-wal")).count
        var seen: Set<Int> = []
        for (nth, bytes) in stride(from: log, to: 0, by: -1_999).enumerated() {
            let left = try JournalStore(path: copyFiles(of: store.path, to: "torn-\(nth).sqlite", walBytes: bytes))
            #expect(left.recovered == nil)
            let version = try await left.record(for: fraud)?.version ?? 0
            #expect(try await left.record(for: fraud)?.state == (version == 0 ? nil : Data("\(version)".utf8)))
            #expect(
                try await left.events(matching: EventFilter(), limit: 99).map(\.event.message)
                    == (0..<version).reversed().map { "\($0 + 1)" })
            seen.insert(version)
            try left.close()
        }
        #expect(seen == Set(0...6))
    }

    // MARK: Damaged, foreign, newer

    @Test("is moved aside if it is not a database, and a new one is started")
    func notADatabase() async throws {
        let path = folder.file()
        try Data(repeating: 0x41, count: 9_000).write(to: URL(filePath: path))
        let store = try JournalStore(path: path)
        let recovered = try #require(store.recovered)
        #expect(recovered.contains("\(path).corrupt-1"))
        #expect(try Data(contentsOf: URL(filePath: path + ".corrupt-1")) == Data(repeating: 0x41, count: 9_000))
        #expect(try await store.records() == [:])
        try await store.swap(fraud, expecting: nil, state: Data("anew".utf8), events: [event("rebuilt")])
        try store.close()
        #expect(try JournalStore(path: path).recovered == nil)
    }

    @Test("is moved aside if pages of it are damaged or missing", arguments: [0.2, 0.5, 0.8])
    func damaged(place: Double) async throws {
        let store = try JournalStore(path: folder.file())
        for index in 0..<200 {
            let key = DeploymentKey(name: "model-\(index)")
            try await store.swap(key, expecting: nil, state: Data(repeating: 7, count: 600), events: [event("one")])
        }
        try store.close()
        var bytes = try Data(contentsOf: URL(filePath: store.path))
        let start = Int(Double(bytes.count) * place) / 4_096 * 4_096
        bytes.replaceSubrange(start..<start + 4_096, with: Data(repeating: 0xA5, count: 4_096))
        try bytes.write(to: URL(filePath: store.path))
        let anew = try JournalStore(path: store.path)
        #expect(anew.recovered != nil)
        #expect(try Data(contentsOf: URL(filePath: store.path + ".corrupt-1")) == bytes)
        #expect(try await anew.records() == [:])
    }

    @Test("is moved aside if it was cut off")
    func truncated() async throws {
        let path = try await writtenJournal()
        let bytes = try Data(contentsOf: URL(filePath: path))
        try bytes.prefix(bytes.count / 2).write(to: URL(filePath: path))
        #expect(try JournalStore(path: path).recovered != nil)
        #expect(FileManager.default.fileExists(atPath: path + ".corrupt-1"))
    }

    @Test("gives every damaged file a number of its own")
    func manyDamaged() throws {
        let path = folder.file()
        for number in 1...3 {
            try Data("damaged \(number)".utf8).write(to: URL(filePath: path))
            #expect(try JournalStore(path: path).recovered?.contains("corrupt-\(number)") == true)
        }
        for number in 1...3 {
            #expect(try Data(contentsOf: URL(filePath: "\(path).corrupt-\(number)")) == Data("damaged \(number)".utf8))
        }
    }

    @Test("that was emptied is moved aside with its log, which SQLite would delete")
    func emptied() async throws {
        let store = try JournalStore(path: folder.file())
        try await store.swap(fraud, expecting: nil, state: Data("one".utf8), events: [])
        let copy = try copyFiles(of: store.path, to: "copy.sqlite")
        try Data().write(to: URL(filePath: copy))
        let log = try Data(contentsOf: URL(filePath: copy + "-wal"))
        #expect(try JournalStore(path: copy).recovered != nil)
        #expect(try Data(contentsOf: URL(filePath: copy + ".corrupt-1-wal")) == log)
    }

    @Test("of a newer mlctl is refused, and left unchanged")
    func newer() async throws {
        let path = try await writtenJournal()
        let queue = try DatabaseQueue(path: path)
        try await queue.write { db in
            try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99-from-the-future')")
        }
        try queue.close()
        let error = #expect(throws: JournalError.self) { try JournalStore(path: path) }
        #expect(error?.code == .newerSchema)
        #expect(error?.retryClass == .terminal)
        #expect(try folder.names.contains { $0.contains("corrupt") } == false)
        let left = try DatabaseQueue(path: path)
        #expect(try await left.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM deployment") } == 1)
    }

    @Test("of another program is refused, and left unchanged")
    func foreign() async throws {
        let queue = try DatabaseQueue(path: folder.file())
        try await queue.write { try $0.execute(sql: "CREATE TABLE bookmark (url TEXT)") }
        try queue.close()
        let before = try Data(contentsOf: URL(filePath: folder.file()))
        let error = #expect(throws: JournalError.self) { try JournalStore(path: folder.file()) }
        #expect(error?.code == .foreign)
        #expect(try Data(contentsOf: URL(filePath: folder.file())) == before)
    }

    @Test("that cannot be created is an error that says what to do, and can be retried")
    func folderIsAFile() throws {
        try Data().write(to: URL(filePath: folder.file("occupied")))
        let error = #expect(throws: JournalError.self) {
            try JournalStore(path: folder.file("occupied/journal.sqlite"))
        }
        #expect(error?.code == .denied)
        #expect(error?.retryClass == .waiting)
        #expect(error?.message.contains("--state-dir") == true)
    }

    // MARK: Full

    @Test("on a full disk keeps its content, reports a transient error, and continues when there is room")
    func diskFull() async throws {
        let store = try JournalStore(path: folder.file())
        try await store.swap(fraud, expecting: nil, state: Data("one".utf8), events: [event("deployed")])
        // SQLite's own limit on the file's size gives the same error as a full disk.
        let room = try await store.database.writeWithoutTransaction { db in
            try Int.fetchOne(db, sql: "PRAGMA max_page_count = 1")
        }
        try #require(room != nil)
        let error = await #expect(throws: JournalError.self) {
            try await store.swap(
                fraud, expecting: 1, state: Data(repeating: 1, count: 100_000), events: [event("too much")])
        }
        #expect(error?.code == .diskFull)
        #expect(error?.retryClass == .transient)
        #expect(try await store.record(for: fraud) == StateRecord(version: 1, state: Data("one".utf8)))
        #expect(try await store.events(matching: EventFilter(), limit: 9).map(\.event) == [event("deployed")])
        try await store.database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
        let version = try await store.swap(
            fraud, expecting: 1, state: Data(repeating: 1, count: 100_000), events: [event("room again")])
        #expect(version == 2)
    }

    @Test("shows an event that this version cannot read, and those around it")
    func unreadableEvent() async throws {
        let store = try JournalStore(path: folder.file())
        try await store.swap(fraud, expecting: nil, state: Data(), events: [event("a"), event("b"), event("c")])
        try await store.database.write { db in
            try db.execute(sql: "UPDATE event SET kind = 'teleported', body = '{\"kind\":\"teleported\"}' WHERE id = 2")
        }
        let events = try await store.events(matching: EventFilter(), limit: 9).map(\.event)
        #expect(events.map(\.kind) == [.stepStarted, .warning, .stepStarted])
        #expect(events[1].message.contains("teleported"))
        #expect(events[1].at == Date(timeIntervalSince1970: 1_000))
    }
}
