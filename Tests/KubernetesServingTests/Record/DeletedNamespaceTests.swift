import ControlPorts
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("Deletions by hand of what git wants", .timeLimit(.minutes(10)))
struct DeletedNamespaceTests {
    @Test(
        "a deleted namespace ends, and comes back with the record when it is created again",
        arguments: StoreRig.Kind.available)
    func namespace(kind: StoreRig.Kind) async throws {
        try await StoreRig.with(kind) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            let namespace = NamespacedName(name: trial.namespace)
            try await trial.api.delete(.namespaces, namespace)
            try await trial.eventually("the object is deleted with its namespace") {
                try await trial.object().value(at: "metadata", "deletionTimestamp") != nil
            }
            try await trial.tell(store)
            let refusal = try #require(try await store.announce(trial.announcement()).refusal)
            #expect(refusal.message.contains("is being deleted"))
            #expect(try await trial.api.get(ModelDeploymentObject.self, trial.key.objectKey) == nil)
            try await trial.eventually("the namespace is gone") {
                try await trial.api.get(SomeNamespace.self, namespace) == nil
            }
            trial.advance(by: .seconds(30))
            #expect(try await store.announce(trial.announcement()).refusal?.message.contains("namespace") == true)
            let anew: JSONValue = [
                "apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(trial.namespace)],
            ]
            try await trial.api.create(.namespaces, namespace: nil, body: anew.jsonData)
            trial.advance(by: .seconds(30))
            await #expect(throws: RecordLost.self) { try await store.announce(trial.announcement()) }
            #expect(
                try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: []) == 2)
        }
    }

    @Test(
        "if no ConfigMap can be created, the object is still created again, with its record from memory",
        arguments: StoreRig.Kind.available)
    func noConfigMap(kind: StoreRig.Kind) async throws {
        try await StoreRig.with(kind) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            let uid = try await trial.object().value(at: "metadata", "uid")
            try await trial.refuse(.configMaps, all: true)
            try await trial.api.delete(.modelDeployments, trial.key.objectKey)
            try await trial.tell(store)
            try await trial.eventually("it is created again") {
                trial.advance(by: .seconds(30))
                return try await store.announce(trial.announcement()) == .shown(warning: nil)
            }
            let object = try await trial.object()
            #expect(object.value(at: "metadata", "uid") != uid)
            #expect(object.value(at: "status", "record", "state")?.asString == "1")
            #expect(try await store.record(for: trial.key) == StateRecord(version: 1, state: Data("1".utf8)))
        }
    }

    @Test("the same with an object that never had a record")
    func withoutRecord() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await trial.api.delete(.namespaces, NamespacedName(name: trial.namespace))
            try await trial.eventually("the object is deleted with its namespace") {
                try await trial.object().value(at: "metadata", "deletionTimestamp") != nil
            }
            try await trial.tell(store)
            try await trial.eventually("the object is gone") {
                trial.advance(by: .seconds(30))
                _ = try await store.announce(trial.announcement())
                return try await trial.api.get(ModelDeploymentObject.self, trial.key.objectKey) == nil
            }
        }
    }

    private struct SomeNamespace: KubernetesObject {
        static let resource = ResourceType.namespaces
        var metadata: ObjectMetadata
    }
}
