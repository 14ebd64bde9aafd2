import ControlPorts
import Controller
import Foundation
import ModelManifests
import Rollouts
import Testing

@testable import Journal

@Suite("Decisions kept aside while the journal cannot be written")
struct RetreatPagesTests {
    private let folder: TemporaryFolder
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")

    init() throws { folder = try TemporaryFolder() }

    private func event(_ message: String) -> RolloutEvent {
        RolloutEvent(at: Date(timeIntervalSince1970: 1_000), kind: .aborted, message: message)
    }

    private func entry(_ text: String, expecting: Int? = 1) -> WithdrawalPages.Entry {
        WithdrawalPages.Entry(
            namespace: "payments", name: "fraud", expecting: expecting, state: Data(text.utf8), events: [])
    }

    @Test(
        "they outlive the controller, count until the record changes, and their events are recorded with the next write"
    )
    func outlives() async throws {
        let path = folder.file()
        let first = try JournalStore(path: path)
        let version = try await first.swap(fraud, expecting: nil, state: Data("at 50 %".utf8), events: [])
        #expect(
            await first.storeWithdrawal(
                fraud, expecting: version, state: Data("withdrawn".utf8), events: [event("aborted by ann")]))
        try first.close()

        let second = try JournalStore(path: path)
        #expect(try await second.record(for: fraud) == StateRecord(version: version, state: Data("withdrawn".utf8)))
        #expect(try await second.records()[fraud]?.state == Data("withdrawn".utf8))
        let next = try await second.swap(
            fraud, expecting: version, state: Data("rolled back".utf8), events: [event("rolled back")])
        let told = try await second.events(matching: EventFilter(), limit: 10).map(\.event.message)
        #expect(told.sorted() == ["aborted by ann", "rolled back"])
        #expect(try await second.record(for: fraud) == StateRecord(version: next, state: Data("rolled back".utf8)))
        try second.close()
        let third = try JournalStore(path: path)
        #expect(try await third.record(for: fraud)?.state == Data("rolled back".utf8))
    }

    @Test("the controller that writes them later records its events once")
    func once() async throws {
        let store = try JournalStore(path: folder.file())
        let version = try await store.swap(fraud, expecting: nil, state: Data("a".utf8), events: [])
        _ = await store.storeWithdrawal(fraud, expecting: version, state: Data("b".utf8), events: [event("aborted")])
        try await store.swap(fraud, expecting: version, state: Data("b".utf8), events: [event("aborted")])
        #expect(try await store.events(matching: EventFilter(), limit: 10).count == 1)
    }

    @Test("a decision about an older record is ignored")
    func old() async throws {
        let store = try JournalStore(path: folder.file())
        let version = try await store.swap(fraud, expecting: nil, state: Data("a".utf8), events: [])
        _ = await store.storeWithdrawal(fraud, expecting: version - 1, state: Data("b".utf8), events: [])
        #expect(try await store.record(for: fraud)?.state == Data("a".utf8))
    }

    @Test("a write that was cut off leaves the page before valid, and other bytes are not a page")
    func torn() throws {
        let path = folder.file("pages")
        do {
            let pages = try #require(WithdrawalPages(path: path))
            #expect(pages.keep(entry("first")) && pages.keep(entry("second")))
        }
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        // The second write has an even number, and is in the first page.
        try file.seek(toOffset: 40)
        try file.write(contentsOf: Data("torn".utf8))
        try file.close()
        let pages = try #require(WithdrawalPages(path: path))
        #expect(pages.entry(of: fraud, at: 1)?.state == Data("first".utf8))
        try Data(repeating: 7, count: 1000).write(to: URL(filePath: path))
        #expect(WithdrawalPages(path: path)?.entry(of: fraud, at: 1) == nil)
        #expect(try folder.permissions(folder.file("pages")) == 0o600)
    }

    @Test("entries beyond the available room are refused, and the kept ones stay")
    func room() throws {
        let pages = try #require(WithdrawalPages(path: folder.file("pages")))
        #expect(pages.keep(entry("small")))
        let large = WithdrawalPages.Entry(
            namespace: "a", name: "b", expecting: 1, state: Data(repeating: 1, count: WithdrawalPages.pageBytes),
            events: [])
        #expect(!pages.keep(large))
        #expect(pages.entry(of: fraud, at: 1)?.state == Data("small".utf8))
    }
}
