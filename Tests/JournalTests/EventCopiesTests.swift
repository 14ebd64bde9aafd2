import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Testing

@testable import Journal

@Suite("Copies of events from other records")
struct EventCopiesTests {
    private let folder: TemporaryFolder
    private let store: JournalStore
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    private let churn = DeploymentKey(namespace: "crm", name: "churn")

    init() throws {
        folder = try TemporaryFolder()
        store = try JournalStore(path: folder.file())
    }

    private func copy(_ ordinal: Int, of deployment: DeploymentKey, origin: String = "prod") -> EventCopy {
        EventCopy(
            deployment: deployment, origin: origin, ordinal: ordinal,
            event: RolloutEvent(
                at: Date(timeIntervalSince1970: Double(ordinal)), kind: .stepStarted, message: "\(origin) \(ordinal)"))
    }

    private func messages(_ deployment: DeploymentKey, in store: JournalStore? = nil) async throws -> [String] {
        try await (store ?? self.store).events(matching: EventFilter(deployment: deployment), limit: 100)
            .map(\.event.message).reversed()
    }

    @Test("each copy is stored once, however often and in whatever order it is offered")
    func once() async throws {
        try await store.absorb([copy(2, of: fraud), copy(1, of: fraud)])
        try await store.absorb([copy(1, of: fraud), copy(2, of: fraud), copy(3, of: fraud)])
        try await store.absorb([copy(2, of: fraud)])
        #expect(try await messages(fraud) == ["prod 1", "prod 2", "prod 3"])
    }

    @Test("deployments and origins are counted separately")
    func apart() async throws {
        try await store.absorb([copy(5, of: fraud), copy(1, of: churn), copy(1, of: fraud, origin: "staging")])
        #expect(try await messages(fraud) == ["staging 1", "prod 5"])
        #expect(try await messages(churn) == ["prod 1"])
    }

    @Test("copies make no record: the deployment's state stays elsewhere")
    func stateless() async throws {
        try await store.absorb([copy(1, of: fraud)])
        #expect(try await store.records().isEmpty)
        #expect(try await store.record(for: fraud) == nil)
        // A deployment that comes here later begins like a new one.
        try await store.swap(fraud, expecting: nil, state: Data("s".utf8), events: [])
        #expect(try await store.record(for: fraud)?.state == Data("s".utf8))
        #expect(try await messages(fraud) == ["prod 1"])
    }

    @Test("known copies are still known after a restart, and after old events were pruned")
    func kept() async throws {
        try await store.absorb((1...150).map { copy($0, of: fraud) })
        let deleted = try await store.prune(eventsOlderThan: .distantFuture, keepingPerDeployment: 10_000)
        #expect(deleted == 50)
        try store.close()
        let reopened = try JournalStore(path: folder.file())
        try await reopened.absorb((1...150).map { copy($0, of: fraud) })
        let events = try await reopened.events(matching: EventFilter(deployment: fraud), limit: 1000)
        #expect(events.count == JournalStore.eventsKeptAtAnyAge)
        #expect(events.first?.event.message == "prod 150")
    }

    @Test("without copies nothing is written")
    func none() async throws {
        try await store.absorb([])
        #expect(try await messages(fraud).isEmpty)
    }
}
