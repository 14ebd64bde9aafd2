import ControlPorts
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Testing

@testable import KubernetesServing

@Suite("A record that is kept while its object is created again")
struct RecordBackupTests {
    private static let key = DeploymentKey(namespace: "payments", name: "fraud")

    private func found(_ status: JSONValue?) throws -> RecordedModelDeployment {
        var object: [String: JSONValue] = ["metadata": ["name": "fraud", "namespace": "payments"], "spec": [:]]
        object["status"] = status
        return try JSONDecoder().decode(RecordedModelDeployment.self, from: JSONValue.object(object).jsonData)
    }

    private static func status(recordBytes: Int = 2, eventBytes: Int = 2) -> JSONValue {
        [
            "phase": "Healthy", "record": ["version": 7, "state": .string(String(repeating: "r", count: recordBytes))],
            "commit": .string(String(repeating: "e", count: eventBytes)),
        ]
    }

    @Test("is stored in a ConfigMap of the deployment, and is the same when it is read back")
    func roundTrip() throws {
        let record = try #require(RecordBackup(try found(Self.status())))
        #expect(record.status == Self.status())
        let map = try JSONDecoder().decode(RecordBackup.Map.self, from: record.body(.sample).jsonData)
        #expect(map.metadata.labels == ObjectLabels.of(Self.key).merging([ObjectLabels.component: "record"]) { $1 })
        #expect(map.metadata.key == NamespacedName(namespace: "payments", name: "fraud-mlctl-record"))
        #expect(RecordBackup(map, seal: .sample) == record)
        #expect(RecordBackup(map, seal: .random()) == nil)
    }

    @Test("is ignored once its object has a record again", .timeLimit(.minutes(10)))
    func leftBehind() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            let found = try #require(try await trial.api.get(RecordedModelDeployment.self, trial.key.objectKey))
            let old = try #require(RecordBackup(found))
            try await store.swap(trial.key, expecting: 1, state: Data("2".utf8), events: [])
            try await trial.api.apply(.configMaps, old.key, body: old.body(.sample).jsonData)
            let next = trial.store()
            #expect(try await next.records()[trial.key] == StateRecord(version: 2, state: Data("2".utf8)))
            #expect(try await next.announce(trial.announcement()) == .shown(warning: nil))
            #expect(try await next.record(for: trial.key) == StateRecord(version: 2, state: Data("2".utf8)))
        }
    }

    @Test("is stored without the rest of a status that is too large, and not at all if it is too large itself")
    func bound() throws {
        let alone = RecordBackup(try found(Self.status(eventBytes: RecordBackup.maximumBytes)))
        #expect(alone?.status == ["record": ["version": 7, "state": "rr"]])
        let unkept: [JSONValue?] = [Self.status(recordBytes: RecordBackup.maximumBytes), ["phase": "Healthy"], nil]
        for status in unkept { #expect(RecordBackup(try found(status)) == nil) }
    }
}
