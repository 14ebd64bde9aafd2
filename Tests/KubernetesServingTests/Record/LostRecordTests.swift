import ControlPorts
import Foundation
import KubernetesClient
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("A record that somebody wiped, or replaced by an older one", .timeLimit(.minutes(10)))
struct LostRecordTests {
    /// A controller that has the record in memory.
    private func recover(_ store: ClusterStore, _ trial: StoreRig, version: Int, state: String) async throws -> Int {
        try await trial.tell(store)
        await #expect(throws: RecordLost.self) { try await store.announce(trial.announcement()) }
        #expect(try await store.announce(trial.announcement()) == .shown(warning: nil), "told once")
        await #expect(throws: RecordLost.self) {
            try await store.swap(trial.key, expecting: version, state: Data("stale".utf8), events: [])
        }
        return try await store.swap(
            trial.key, expecting: nil, state: Data(state.utf8), events: [], status: trial.status("again"))
    }

    @Test(
        "is noticed without a decision, and written again with a higher version", arguments: StoreRig.Kind.available)
    func wiped(kind: StoreRig.Kind) async throws {
        try await StoreRig.with(kind) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            try await store.swap(trial.key, expecting: 1, state: Data("2".utf8), events: [], status: trial.status())
            try await trial.wipeStatus()
            #expect(try await recover(store, trial, version: 2, state: "2") == 3)
            let object = try await trial.object()
            #expect(object.value(at: "status", "record", "state")?.asString == "2")
            #expect(object.value(at: "status", "message")?.asString == "again")
            try await trial.tell(store)
            #expect(try await store.announce(trial.announcement()) == .shown(warning: nil))
            #expect(try await store.record(for: trial.key) == StateRecord(version: 3, state: Data("2".utf8)))
        }
    }

    @Test("an older record that a backup tool brings back does not count", arguments: StoreRig.Kind.available)
    func older(kind: StoreRig.Kind) async throws {
        try await StoreRig.with(kind) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            let backup = try #require(try await trial.object()[field: "status"])
            try await store.swap(trial.key, expecting: 1, state: Data("2".utf8), events: [], status: trial.status())
            try await store.swap(trial.key, expecting: 2, state: Data("3".utf8), events: [], status: trial.status())
            try await trial.edit(["status": backup], subresource: "status")
            #expect(try await recover(store, trial, version: 3, state: "3") == 4)
        }
    }

    @Test("a record that somebody changed under the same version does not count either")
    func tampered() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            try await trial.edit(["status": ["record": ["state": "other", "version": 1]]], subresource: "status")
            #expect(try await recover(store, trial, version: 1, state: "1") == 2)
        }
    }

    @Test("an object that a backup tool recreated without a status gets the record from memory")
    func remade() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            var copy = try await trial.object()
            try await trial.edit(["metadata": ["finalizers": .null]])
            try await trial.api.delete(.modelDeployments, trial.key.objectKey)
            copy[field: "status"] = nil
            for field in ["uid", "resourceVersion", "managedFields", "creationTimestamp", "generation"] {
                copy.set(nil, at: "metadata", field)
            }
            try await trial.api.create(.modelDeployments, namespace: trial.namespace, body: copy.jsonData)
            #expect(try await recover(store, trial, version: 1, state: "1") == 2)
        }
    }

    @Test("changes to the rest of the status are reverted with the next report")
    func shownStatus() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            try await trial.edit(["status": ["message": "lies", "phase": "Idle"]], subresource: "status")
            try await trial.tell(store)
            try await store.announce(trial.announcement())
            try await store.report(trial.status(), of: trial.key)
            #expect(try await trial.object().value(at: "status", "message")?.asString == "all is well")
            #expect(try await trial.object().value(at: "status", "phase")?.asString == "Healthy")
        }
    }

    @Test("a newer record of another controller is a conflict")
    func another() async throws {
        try await StoreRig.with(.model) { trial in
            let (one, other) = (trial.store(), trial.store())
            try await one.announce(trial.announcement())
            try await one.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            _ = try await other.records()
            try await other.swap(trial.key, expecting: 1, state: Data("2".utf8), events: [])
            try await trial.tell(one)
            await #expect(throws: StateConflict.self) { try await one.announce(trial.announcement()) }
            #expect(try await one.record(for: trial.key) == StateRecord(version: 2, state: Data("2".utf8)))
            #expect(try await one.announce(trial.announcement()) == .shown(warning: nil))
        }
    }

    @Test("its own writes cost no pass and no read, neither by their answers nor by their echoes")
    func echoes() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            let model = try #require(trial.model)
            let run = Task { await store.run() }
            defer { run.cancel() }
            try await store.announce(trial.announcement())
            _ = try await store.records()
            var expecting: Int?
            await model.forgetLog()
            for number in 1...20 {
                expecting = try await store.swap(
                    trial.key, expecting: expecting, state: Data("\(number)".utf8), events: [],
                    status: trial.status("\(number)"))
                try await trial.tell(store)
                try await store.announce(trial.announcement())
            }
            // `tell` reads the object itself, once each time.
            let reads = await model.log.count { $0.method == .get && $0.path.hasSuffix("/model") }
            #expect(reads == 20)
            #expect(await model.writes.count == 20)
        }
    }

    @Test(
        "the quarantine outlives the status, for a controller that never saw it",
        arguments: StoreRig.Kind.available)
    func quarantine(kind: StoreRig.Kind) async throws {
        try await StoreRig.with(kind) { trial in
            let bad = QuarantineStatus(
                revision: Revision(rawValue: "aaaaaaaaaa"), version: "2", reason: "errors", at: StoreRig.now)
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            #expect(await store.quarantine(of: trial.key) == [])
            try await store.swap(
                trial.key, expecting: 1, state: Data("2".utf8), events: [], status: trial.status(quarantined: [bad]))
            try await trial.wipeStatus()
            let fresh = trial.store()
            #expect(try await fresh.records().isEmpty)
            try await fresh.announce(trial.announcement())
            #expect(await fresh.quarantine(of: trial.key) == [bad])
            // Another manifest that is applied over it leaves it alone.
            try await fresh.announce(trial.announcement("3"))
            #expect(try await trial.object().value(at: "metadata", "annotations", RegisterMetadata.quarantine) != nil)
            try await fresh.swap(
                trial.key, expecting: nil, state: Data("3".utf8), events: [], status: trial.status(quarantined: []))
            let last = trial.store()
            _ = try await last.records()
            #expect(await last.quarantine(of: trial.key) == [])
        }
    }

    @Test("an object from before this annotation reports its quarantine as unknown, and costs no write")
    func quarantineNotKnown() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            try await trial.edit(["metadata": ["annotations": [RegisterMetadata.quarantine: .null]]])
            let fresh = trial.store()
            _ = try await fresh.records()
            #expect(await fresh.quarantine(of: trial.key) == nil)
            await trial.model?.forgetLog()
            try await fresh.announce(trial.announcement())
            try await fresh.report(trial.status(), of: trial.key)
            #expect(await trial.model?.writes.isEmpty == true)
        }
    }
}
