import ControlPorts
import Foundation
import Journal
import ModelManifests
import Rollouts
import TestSupport
import Testing

/// The guarantees of every state store, tested against the model and against SQLite.
@Suite("A state store")
struct StateStoreConformanceTests {
    enum Kind: String, CaseIterable, Sendable { case memory, journal }

    private let folder: TemporaryFolder
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    private let churn = DeploymentKey(namespace: "crm", name: "churn")

    init() throws { folder = try TemporaryFolder() }

    private func store(_ kind: Kind) throws -> any StateStore {
        switch kind {
        case .memory: InMemoryStateStore()
        case .journal: try JournalStore(path: folder.file())
        }
    }

    private func event(
        _ message: String, kind: RolloutEvent.Kind = .stepStarted, at seconds: TimeInterval = 1_000
    ) -> RolloutEvent {
        RolloutEvent(at: Date(timeIntervalSince1970: seconds), kind: kind, message: message)
    }

    @Test("starts empty", arguments: Kind.allCases)
    func empty(kind: Kind) async throws {
        let store = try store(kind)
        #expect(try await store.records() == [:])
        #expect(try await store.record(for: fraud) == nil)
        #expect(try await store.events(matching: EventFilter(), limit: 10) == [])
    }

    @Test("keeps each deployment's latest state under a version that rises", arguments: Kind.allCases)
    func keeps(kind: Kind) async throws {
        let store = try store(kind)
        let first = try await store.swap(fraud, expecting: nil, state: Data("one".utf8), events: [])
        let second = try await store.swap(fraud, expecting: first, state: Data("two".utf8), events: [])
        let other = try await store.swap(churn, expecting: nil, state: Data(), events: [])
        #expect(second > first)
        #expect(try await store.record(for: fraud) == StateRecord(version: second, state: Data("two".utf8)))
        #expect(
            try await store.records() == [
                fraud: StateRecord(version: second, state: Data("two".utf8)),
                churn: StateRecord(version: other, state: Data()),
            ])
    }

    @Test("keeps bytes unchanged, large ones too", arguments: Kind.allCases)
    func bytes(kind: Kind) async throws {
        let store = try store(kind)
        let state = Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try await store.swap(fraud, expecting: nil, state: state, events: [])
        #expect(try await store.record(for: fraud)?.state == state)
    }

    @Test(
        "refuses a swap that expects another version, and writes neither state nor events", arguments: Kind.allCases)
    func conflict(kind: Kind) async throws {
        let store = try store(kind)
        let version = try await store.swap(fraud, expecting: nil, state: Data("one".utf8), events: [])
        for expecting in [nil, version - 1, version + 1] {
            await #expect(throws: StateConflict(deployment: fraud, expected: expecting, found: version)) {
                try await store.swap(fraud, expecting: expecting, state: Data("x".utf8), events: [event("lost")])
            }
        }
        await #expect(throws: StateConflict(deployment: churn, expected: 1, found: nil)) {
            try await store.swap(churn, expecting: 1, state: Data("x".utf8), events: [event("lost")])
        }
        #expect(try await store.records() == [fraud: StateRecord(version: version, state: Data("one".utf8))])
        #expect(try await store.events(matching: EventFilter(), limit: 10) == [])
    }

    @Test("lets one of many concurrent swaps win", arguments: Kind.allCases)
    func race(kind: Kind) async throws {
        let store = try store(kind)
        let version = try await store.swap(fraud, expecting: nil, state: Data("start".utf8), events: [])
        let winners = await withTaskGroup(of: Int?.self) { group in
            for index in 0..<20 {
                group.addTask {
                    try? await store.swap(
                        fraud, expecting: version, state: Data("\(index)".utf8), events: [event("\(index)")])
                }
            }
            return await group.reduce(into: []) { $0 += $1.map { [$0] } ?? [] }
        }
        #expect(winners.count == 1)
        let events = try await store.events(matching: EventFilter(), limit: 100)
        #expect(events.count == 1)
        #expect(try await store.record(for: fraud)?.state == events.first.map { Data($0.event.message.utf8) })
    }

    @Test("deletes a record, keeps its events, and never uses its versions again", arguments: Kind.allCases)
    func deletion(kind: Kind) async throws {
        let store = try store(kind)
        let first = try await store.swap(fraud, expecting: nil, state: Data("one".utf8), events: [event("deployed")])
        let gone = try await store.swap(fraud, expecting: first, state: nil, events: [event("removed")])
        #expect(gone > first)
        #expect(try await store.record(for: fraud) == nil)
        #expect(try await store.records() == [:])
        await #expect(throws: StateConflict(deployment: fraud, expected: gone, found: nil)) {
            try await store.swap(fraud, expecting: gone, state: Data(), events: [])
        }
        // A caller that still holds `first` must not be mistaken for the writer of the new record.
        let again = try await store.swap(fraud, expecting: nil, state: Data("anew".utf8), events: [])
        #expect(again > gone)
        #expect(
            try await store.events(matching: EventFilter(deployment: fraud), limit: 10).map(\.event.message)
                == ["removed", "deployed"])
    }

    @Test("accepts events of a deployment that has no record", arguments: Kind.allCases)
    func eventsOnly(kind: Kind) async throws {
        let store = try store(kind)
        try await store.swap(fraud, expecting: nil, state: nil, events: [event("nothing to keep")])
        #expect(try await store.record(for: fraud) == nil)
        #expect(try await store.events(matching: EventFilter(), limit: 10).count == 1)
        try await store.swap(fraud, expecting: nil, state: Data("one".utf8), events: [])
        #expect(try await store.record(for: fraud)?.state == Data("one".utf8))
    }

    @Test("returns events newest first, with all their fields", arguments: Kind.allCases)
    func events(kind: Kind) async throws {
        let store = try store(kind)
        let full = RolloutEvent(
            at: Date(timeIntervalSince1970: 1_763_683_200.123_456), kind: .gateFailed,
            revision: Revision(rawValue: "0123456789"), version: "3 \"beta\"", commit: "c0ffee", message: "p99 > ½ s\n",
            actor: "ada", evidence: [GateSummary(name: "p99", verdict: "fail", samples: 120, reason: "0.6 > 0.5")])
        let version = try await store.swap(fraud, expecting: nil, state: Data(), events: [event("a"), full])
        try await store.swap(churn, expecting: nil, state: Data(), events: [event("b")])
        try await store.swap(fraud, expecting: version, state: Data(), events: [event("c")])
        let all = try await store.events(matching: EventFilter(), limit: 10)
        #expect(all.map(\.event) == [event("c"), event("b"), full, event("a")])
        #expect(all.map(\.deployment) == [fraud, churn, fraud, fraud])
        #expect(all.map(\.id) == all.map(\.id).sorted(by: >))
        #expect(Set(all.map(\.id)).count == 4)
    }

    @Test("returns only the events that match the filter", arguments: Kind.allCases)
    func filters(kind: Kind) async throws {
        let store = try store(kind)
        var versions: [DeploymentKey: Int] = [:]
        for (index, key) in [fraud, churn, fraud, churn, fraud].enumerated() {
            versions[key] = try await store.swap(
                key, expecting: versions[key], state: Data(),
                events: [event("\(index)", at: 1_000 + Double(index))])
        }
        func messages(_ filter: EventFilter, limit: Int = 10) async throws -> String {
            try await store.events(matching: filter, limit: limit).map(\.event.message).joined()
        }
        let third = try #require(try await store.events(matching: EventFilter(), limit: 3).last?.id)
        #expect(try await messages(EventFilter(deployment: fraud)) == "420")
        #expect(try await messages(EventFilter(afterId: third)) == "43")
        #expect(try await messages(EventFilter(since: Date(timeIntervalSince1970: 1_003))) == "43")
        #expect(try await messages(EventFilter(since: Date(timeIntervalSince1970: 1_003.5))) == "4")
        #expect(
            try await messages(
                EventFilter(deployment: churn, afterId: third - 2, since: Date(timeIntervalSince1970: 1_002))) == "3")
        #expect(try await messages(EventFilter(), limit: 2) == "43")
        #expect(try await messages(EventFilter(deployment: fraud), limit: 1) == "4")
        #expect(try await messages(EventFilter(), limit: 0) == "")
        #expect(try await messages(EventFilter(), limit: -1) == "")
    }
}
