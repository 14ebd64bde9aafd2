import ControlPorts
import Foundation
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

@testable import KubernetesServing

@Suite("kstatus: the observed generation of a status", .timeLimit(.minutes(10)))
struct ObservedGenerationTests {
    private func generations(_ trial: StoreRig) async throws -> (object: Int?, status: Int?, condition: Int?) {
        let object = try await trial.object()
        return (
            object.value(at: "metadata", "generation")?.asNumber,
            object.value(at: "status", "observedGeneration")?.asNumber,
            object.value(at: "status", "conditions")?.first?[field: "observedGeneration"]?.asNumber
        )
    }

    @Test(
        "after a manual edit that is reverted it is the newest again, in one write",
        arguments: StoreRig.Kind.available)
    func putBack(kind: StoreRig.Kind) async throws {
        try await StoreRig.with(kind) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            #expect(try await generations(trial) == (1, 1, 1))
            try await trial.edit(["spec": ["replicas": 7]])
            // The edit is not in force: a status must not claim to describe it.
            await store.follow(try await trial.summary())
            try await store.report(trial.status("meanwhile"), of: trial.key)
            #expect(try await generations(trial) == (2, 1, 1))
            try await store.announce(trial.announcement())
            try await store.report(trial.status("meanwhile"), of: trial.key)
            #expect(try await generations(trial) == (3, 3, 3))
        }
    }

    @Test("a new controller that finds it behind corrects it, even if nothing else is new")
    func behind() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            try await trial.edit(["spec": ["replicas": 7]])
            try await trial.edit(["spec": ["replicas": 2]])
            let next = trial.store()
            _ = try await next.records()
            try await next.announce(trial.announcement())
            try await next.report(trial.status(), of: trial.key)
            #expect(try await generations(trial) == (3, 3, 3))
            await trial.model?.forgetLog()
            try await next.report(trial.status(), of: trial.key)
            #expect(await trial.model?.writes.isEmpty == true)
        }
    }

    @Test("while another writer's edit stands, because it is reverted at growing intervals, it stays behind")
    func contested() async throws {
        try await StoreRig.with(.model) { trial in
            let store = trial.store()
            try await store.announce(trial.announcement())
            try await store.swap(trial.key, expecting: nil, state: Data("1".utf8), events: [], status: trial.status())
            for number in 1...RewriteThrottle.free + 1 {
                try await trial.edit(["spec": ["replicas": .integer(10 + number)]])
                try await trial.tell(store)
                try await store.announce(trial.announcement())
                try await store.report(trial.status(), of: trial.key)
            }
            let found = try await generations(trial)
            #expect(found.object == 2 * RewriteThrottle.free + 2)
            #expect(found.status == 2 * RewriteThrottle.free + 1)
        }
    }
}

extension StoreRig {
    func summary() async throws -> ModelDeploymentObject {
        let body = try await api.answer(to: .get(.modelDeployments, key.objectKey))
        return try JSONDecoder().decode(ModelDeploymentObject.self, from: body)
    }
}
