import ControlPorts
import Foundation
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("A cluster that refuses a manifest of git", .timeLimit(.minutes(10)))
struct RefusedWritesTests {
    @Test("answers why and what to do, and the record is still written", arguments: StoreRig.Kind.available)
    func policy(kind: StoreRig.Kind) async throws {
        try await StoreRig.with(kind) { trial in
            let store = trial.store()
            #expect(try await store.announce(trial.announcement()) == .shown(warning: nil))
            try await store.swap(
                trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            try await trial.refuse()
            let bad = trial.announcement("2", labels: ["team": StoreRig.refusedTeam])
            let refusal = try #require(try await store.announce(bad).refusal)
            #expect(refusal.message.contains("ModelDeployment \(trial.key)"))
            #expect(refusal.message.contains("not this team"))
            #expect(refusal.message.contains("Ask the owner"))
            // Decisions in the meantime are written with the status, and so are reports.
            let version = try await store.swap(
                trial.key, expecting: 1, state: Data("2".utf8), events: [], status: trial.status("rolled back"))
            #expect(version == 2)
            try await store.report(trial.status(refusal.message), of: trial.key)
            let object = try await trial.object()
            #expect(object.value(at: "status", "message")?.asString?.contains("not this team") == true)
            #expect(object.value(at: "status", "record", "state")?.asString == "2")
            // The last accepted spec is in force, and the status describes it.
            #expect(object.value(at: "spec", "model", "version")?.asString == "1")
            #expect(object.value(at: "status", "observedGeneration") == object.value(at: "metadata", "generation"))
            await trial.allow()
            try await trial.eventually("it is written without help") {
                trial.advance(by: .seconds(30))
                return try await store.announce(bad) == .shown(warning: nil)
            }
            #expect(try await trial.object().value(at: "spec", "model", "version")?.asString == "2")
        }
    }

    @Test("a label with a value that is not allowed is reported with its place", arguments: StoreRig.Kind.available)
    func labelValue(kind: StoreRig.Kind) async throws {
        try await StoreRig.with(kind) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            let bad = trial.announcement("2", labels: ["team": "no blanks here"])
            let refusal = try #require(try await store.announce(bad).refusal)
            #expect(refusal.message.contains("metadata.labels"))
            #expect(refusal.message.contains("Correct the manifest in git"))
            #expect(refusal.retryClass == .terminal)
            try await store.swap(trial.key, expecting: 1, state: Data("2".utf8), events: [])
        }
    }

    @Test("a field that an older definition does not have is reported with how to install the newer one")
    func olderDefinition() {
        let error = APIError(
            .status(code: 500, reason: ""),
            message: "failed to create typed patch object (a/b; mlctl.dev/v1alpha1, Kind=ModelDeployment): "
                + ".spec.drain: field not declared in schema")
        let told = ClusterServingError(error, about: "ModelDeployment a/b")
        #expect(told.message.contains("mlctl schema --crd | kubectl apply --server-side -f -"))
    }

    @Test("an unreachable server is an answer too, and not an error")
    func away() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            let model = try #require(trial.model)
            let next = await model.requestCount
            await model.setPlan(
                FaultPlan(requests: Dictionary(uniqueKeysWithValues: (next...next + 50).map { ($0, .lostBefore) })))
            let refusal = try #require(try await store.announce(trial.announcement("2")).refusal)
            #expect(refusal.retryClass == .transient)
            await model.setPlan(FaultPlan())
        }
    }

    @Test("is asked again at growing intervals, and at once for another manifest")
    func pace() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await trial.refuse()
            let model = try #require(trial.model)
            let bad = trial.announcement("2", labels: ["team": StoreRig.refusedTeam])
            await model.forgetLog()
            for _ in 0..<600 {
                #expect(try await store.announce(bad).refusal != nil)
                trial.advance(by: .milliseconds(500))
            }
            // After 0, 1, 3, 7, 15, 31 s, and every 30 s of five minutes.
            #expect(await model.writes.count == 14)
            #expect(try await store.announce(trial.announcement("3")) == .shown(warning: nil))
        }
    }

    @Test("a deployment that was never accepted has no record, and the reason is reported")
    func neverAccepted() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await trial.refuse(all: true)
            #expect(try await store.announce(trial.announcement()).refusal != nil)
            let error = await #expect(throws: RegisterError.self) {
                try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [])
            }
            #expect(error?.message.contains("not this team") == true)
        }
    }

    @Test("a refused deletion is an answer, and not an error")
    func deletion() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            await trial.model?.update { $0.refusals.denials = [.init(verbs: ["delete"], type: .modelDeployments)] }
            let refusal = try #require(try await store.withdraw(trial.key).refusal)
            #expect(refusal.message.contains("cannot delete"))
        }
    }

    @Test("a deployment with the name of one of mlctl's own objects is refused before anything is written")
    func reservedName() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            for name in ObjectNames.reserved {
                var announcement = trial.announcement()
                announcement.deployment.name = name
                let error = await #expect(throws: RegisterError.self) { try await store.announce(announcement) }
                #expect(error?.message.contains("another name") == true)
            }
        }
    }
}

extension PublishResult {
    var refusal: PublishRefusal? {
        if case .refused(let refusal) = self { refusal } else { nil }
    }
}
