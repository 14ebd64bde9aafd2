import ControlPorts
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import KubernetesServing

/// A tenant who may write into a namespace and wants the controller to follow a forged record.
@Suite("A record that somebody else wrote", .timeLimit(.minutes(10)))
struct ForgedRecordTests {
    private static let forged = #"{"rollout":"a check that runs a command"}"#

    private func forge(
        _ trial: StoreRig, version: Int, state: String = forged, seal: JSONValue = .null
    ) async throws {
        try await trial.edit(
            ["status": ["record": ["version": .integer(version), "state": .string(state), "seal": seal]]],
            subresource: "status")
    }

    @Test("in a status is not trusted at the start: nothing is decided, and the message says what to do")
    func atStart() async throws {
        try await StoreRig.with(.model) { trial in
            try await trial.store().announce(trial.announcement())
            for version in [1, 7, .max] {
                try await forge(trial, version: version)
                let store = trial.store()
                let record = try #require(try await store.records()[trial.key])
                let problem = try #require(record.problem)
                #expect(problem.contains("--adopt-records") && problem.contains("nothing is decided"))
                #expect(try await store.record(for: trial.key)?.problem == problem)
            }
        }
    }

    @Test(
        "over one that this controller knows counts as a loss, and is overwritten", arguments: [1, 2, 3, 1 << 53, .max])
    func atRun(version: Int) async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            try await store.swap(trial.key, expecting: 1, state: Data("2".utf8), events: [])
            let seal = try #require(try await trial.object().value(at: "status", "record", "seal"))
            try await forge(trial, version: version, seal: seal)
            try await trial.tell(store)
            await #expect(throws: RecordLost.self) { try await store.announce(trial.announcement()) }
            let written = try await store.swap(trial.key, expecting: nil, state: Data("2".utf8), events: [])
            #expect(written > 2 && written <= 1 << 53)
            let next = try await trial.store().records()[trial.key]
            #expect(next == StateRecord(version: written, state: Data("2".utf8)))
        }
    }

    @Test("and sealed for another object, or for an earlier one with that name, does not count")
    func replayed() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            let record = try #require(try await trial.object().value(at: "status", "record"))
            try await trial.edit(["metadata": ["finalizers": .null]])
            try await trial.api.delete(.modelDeployments, trial.key.objectKey)
            try await trial.store().announce(trial.announcement())
            try await trial.edit(["status": ["record": record]], subresource: "status")
            #expect(try await trial.store().records()[trial.key]?.problem != nil)
        }
    }

    @Test("is not sealed and carried over to the object that replaces a deleted one")
    func remade() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            let uid = try await trial.object().value(at: "metadata", "uid")
            try await forge(trial, version: 9)
            try await trial.api.delete(.modelDeployments, trial.key.objectKey)
            try await trial.tell(store)
            try await trial.eventually("it is created again") {
                trial.advance(by: .seconds(30))
                do {
                    return try await store.announce(trial.announcement()) == .shown(warning: nil)
                } catch is RecordLost {
                    return false
                }
            }
            #expect(try await trial.object().value(at: "metadata", "uid") != uid)
            #expect(try await trial.object().value(at: "status", "record") == nil)
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            let next = try #require(try await trial.store().records()[trial.key])
            #expect(next.problem == nil && next.state == Data("1".utf8))
        }
    }

    @Test("in a ConfigMap with a kept record's labels does not count as the record of a deployment")
    func configMap() async throws {
        try await StoreRig.with(.model) { trial in
            let status: JSONValue = ["record": ["version": 3, "state": .string(Self.forged)]]
            let labels = ObjectLabels.of(trial.key).merging([ObjectLabels.component: "record"]) { $1 }
            for seal in [nil, "", RecordSeal.random().seal(.keptRecord(trial.key, status: CanonicalJSON.text(status)))]
            {
                var data = ["status": CanonicalJSON.text(status)]
                data["seal"] = seal
                let map: JSONValue = [
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": [
                        "name": "model-mlctl-record", "namespace": .string(trial.namespace), "labels": .strings(labels),
                    ],
                    "data": .strings(data),
                ]
                let key = NamespacedName(namespace: trial.namespace, name: "model-mlctl-record")
                try await trial.api.apply(.configMaps, key, body: map.jsonData)
                let store = trial.store()
                #expect(try await store.records().isEmpty)
                try await store.announce(trial.announcement())
                #expect(try await store.record(for: trial.key) == nil)
                #expect(try await trial.object().value(at: "status", "record") == nil)
            }
        }
    }

    @Test("is adopted once on request: it is sealed then, and later ones are not")
    func adopted() async throws {
        try await StoreRig.with(.model) { trial in
            try await trial.store().announce(trial.announcement())
            try await forge(trial, version: 4, state: "4")
            let store = trial.store(adoptsRecords: true)
            #expect(try await store.records()[trial.key] == StateRecord(version: 4, state: Data("4".utf8)))
            #expect(try await trial.store().records()[trial.key] == StateRecord(version: 4, state: Data("4".utf8)))
            try await forge(trial, version: 5, state: "5")
            #expect(try await store.records()[trial.key]?.problem != nil)
        }
    }
}
