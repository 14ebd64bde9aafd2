import Commands
import ControlAPI
import ControlPorts
import Demo
import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Rollouts
import TestSupport
import Testing

/// The life of one deployment in a cluster, in chapters. Each chapter starts where the previous one ended.
struct ClusterStory {
    static let ratePerSecond = 200
    static let waitLimit: Duration = .seconds(60)
    /// The lease's 10 s, plus what a busy machine adds to the promised 15 s.
    static let longestSuccession: Duration = .seconds(40)
    /// The first step is long enough to kill a controller during it.
    static let slow = """
            steps:
            - setWeight: 20
            - pause: {duration: 4s}
            - setWeight: 50
            - setWeight: 100
            gates:
            - name: errors
              compare: {metric: errors}
        """
    /// Far less than the drain's time-out: no request is under way any more.
    private static let idleEnd: Duration = .seconds(20)
    private static let name = ClusterStage.service

    let stage: ClusterStage
    let controllers: ClusterControllers

    func tell() async throws {
        try await deploy()
        let load = SteadyLoad(ratePerSecond: Self.ratePerSecond)
        let address = stage.serviceAddress
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await load.run(against: address) }
            defer { group.cancelAll() }
            try await promoteAcrossDeath(load)
            try await rollBack(load)
            try await restore(load)
            try await deleteRecord(load)
            try await cutOff(load)
        }
        try await remove()
    }

    // MARK: - Chapters

    private func deploy() async throws {
        let watch = Chapter("first manifest to first answer", stage.kind)
        try controllers.commit("good-1", rollout: QuickRollouts.gated)
        try await controllers.start()
        let leader = try await controllers.leader()
        try await leader.wait(Self.name, for: "version 1 serves", limit: Self.waitLimit) { $0.phase == .healthy }
        try await leader.until("version 1 answers", limit: Self.waitLimit) { await stage.answer() == "good-1" }
        watch.end()
    }

    private func promoteAcrossDeath(_ load: SteadyLoad) async throws {
        let watch = Chapter("second version, with the leader killed on the way", stage.kind)
        try controllers.commit("good-2", rollout: Self.slow)
        let first = try await controllers.leader()
        try await first.wait(Self.name, for: "the candidate has a share", limit: Self.waitLimit) {
            $0.candidate?.weight == 20
        }
        let killedAt = ContinuousClock.now
        first.killController()
        let next = try await controllers.leader(limit: Self.longestSuccession)
        print("[\(stage.kind.rawValue)] another leads after \(ContinuousClock.now - killedAt)")
        try await next.wait(Self.name, for: "version 2 is promoted", limit: Self.waitLimit) {
            $0.phase == .healthy && $0.stable?.version == "good-2"
        }
        let events = try await stage.events().filter { $0.version == "good-2" }
        let steps = events.filter { $0.kind == "stepStarted" }.compactMap { $0.message.split(separator: ":").first }
        #expect(steps == ["step 1 of 4", "step 2 of 4", "step 3 of 4", "step 4 of 4"])
        let ends = ["rolloutStarted", "promoted"].map { kind in events.count { $0.kind == kind } }
        #expect(ends == [1, 1], "\(events)")
        expectNoFailure(load, "the second version")
        try await controllers.start(first)
        watch.end()
    }

    private func rollBack(_ load: SteadyLoad) async throws {
        let watch = Chapter("a bad version", stage.kind)
        let leader = try await controllers.leader()
        let stable = try #require(try await leader.status(Self.name)?.stable?.revision)
        try controllers.commit("failing-3", rollout: QuickRollouts.gated)
        let end = try await leader.wait(Self.name, for: "version 3 is rolled back", limit: Self.waitLimit) {
            $0.phase == .rolledBack
        }
        #expect(end.stable?.version == "good-2")
        #expect(end.quarantined.map(\.version) == ["failing-3"])
        #expect(load.broken == 0, "\(load.reasons)")
        let failures = load.byRevision[stable.rawValue]?.failures
        #expect(failures == 0, "stable never fails")
        let candidate = try #require(end.quarantined.first?.revision.rawValue)
        let since = ContinuousClock.now
        try await leader.until("the idle pods of version 3 are gone", limit: Self.idleEnd) {
            try await stage.objects(.pods).allSatisfy {
                $0.value(at: "metadata", "labels", "mlctl.dev/revision")?.text != candidate
            }
        }
        print("[\(stage.kind.rawValue)] its pods have ended \(ContinuousClock.now - since) after the rollback")
        watch.end()
    }

    /// Someone edits a Deployment, and someone deletes it.
    private func restore(_ load: SteadyLoad) async throws {
        let watch = Chapter("a Deployment that people edit and delete", stage.kind)
        let leader = try await controllers.leader()
        let stable = try #require(try await leader.status(Self.name)?.stable?.revision)
        let workload = "\(Self.name)-\(stable)"
        let before = load.failures
        try await stage.edit(.deployments, workload, ["spec": ["replicas": 1]])
        try await leader.until("the edit is undone", limit: Self.waitLimit) {
            let found = try await stage.object(.deployments, workload)
            return found?.value(at: "spec", "replicas") == 2 && found?.value(at: "status", "readyReplicas") == 2
        }
        #expect(load.failures == before, "\(load.reasons)")
        let uid = try await stage.object(.deployments, workload)?.value(at: "metadata", "uid")
        try await stage.api.delete(.deployments, stage.key(workload))
        try await leader.until("it is created again", limit: Self.waitLimit) {
            let found = try await stage.object(.deployments, workload)
            return found?.value(at: "metadata", "uid") != uid && found?.value(at: "status", "readyReplicas") == 2
        }
        #expect(load.failures == before, "\(load.reasons)")
        watch.end()
    }

    private func deleteRecord(_ load: SteadyLoad) async throws {
        let watch = Chapter("a ModelDeployment that people delete", stage.kind)
        let leader = try await controllers.leader()
        let before = load.failures
        let pods = try await stage.livingPods()
        let uid = try await stage.object(.modelDeployments, Self.name)?.value(at: "metadata", "uid")
        try await stage.api.delete(.modelDeployments, stage.key(Self.name))
        try await leader.until("it is created again, with its record", limit: Self.waitLimit) {
            let found = try await stage.object(.modelDeployments, Self.name)
            let version = found?.value(at: "status", "stable", "version")?.text
            return found?.value(at: "metadata", "uid") != uid && version == "good-2"
        }
        // Without an owner, so that nothing is deleted when someone deletes the ModelDeployment.
        let owners = try await stage.objects(.deployments).filter { isModel($0) }.flatMap {
            $0.value(at: "metadata", "ownerReferences")?.items ?? []
        }
        #expect(owners.isEmpty)
        let quarantined = try await leader.status(Self.name)?.quarantined.map(\.version)
        #expect(quarantined == ["failing-3"])
        #expect(try await stage.livingPods() == pods, "no pod was started again")
        #expect(load.failures == before, "\(load.reasons)")
        watch.end()
    }

    /// The API server is unreachable for the controllers and the proxies.
    private func cutOff(_ load: SteadyLoad) async throws {
        let watch = Chapter("the API server away", stage.kind)
        let leader = try await controllers.leader()
        let before = (load.failures, load.total)
        let phase = try await leader.status(Self.name)?.phase
        await stage.wayToServer.close()
        // The former leader shows its last known state, even when its lease is over, and marks it as such.
        func expectLastKnown(_ when: String) async throws {
            let status = try await leader.status(Self.name)
            #expect(status?.phase == phase && status?.stable?.version == "good-2", "\(when)")
            #expect(status?.lastSeenAt != nil && status?.condition(.ready)?.status == "Unknown", "\(when)")
            #expect(status?.message.contains("cannot be") == true, "\(when): \(status?.message ?? "")")
        }
        try await leader.until("the status says that it cannot be observed", limit: .seconds(60)) {
            try await leader.status(Self.name)?.lastSeenAt != nil
        }
        try await expectLastKnown("while it still leads")
        try await leader.until("its lease is over", limit: .seconds(60)) { await !controllers.leads(leader) }
        try await expectLastKnown("when its lease is over")
        let refused = await #expect(throws: ControlError.self) {
            try await leader.client?.act(
                OperatorCommand(.suspend), on: DeploymentKey(namespace: stage.namespace, name: Self.name))
        }
        #expect(refused?.code == .unavailable)
        print("[\(stage.kind.rawValue)] while it is away: \(refused?.message ?? "")")
        #expect(load.total > before.1)
        try await stage.wayToServer.open()
        let next = try await controllers.leader()
        try controllers.commit("good-4", rollout: QuickRollouts.gated)
        try await next.wait(Self.name, for: "a commit is deployed again", limit: Self.waitLimit) {
            $0.phase == .healthy && $0.stable?.version == "good-4"
        }
        #expect(load.failures == before.0, "\(load.reasons)")
        watch.end()
    }

    private func remove() async throws {
        let watch = Chapter("removed from git", stage.kind)
        try controllers.first.commit(["model.yaml": nil])
        var left: [String] = []
        do {
            try await controllers.first.until("nothing is left", limit: .seconds(60)) {
                left = try await stage.leftovers()
                return left.isEmpty
            }
        } catch {
            Issue.record("\(error): \(left)")
        }
        watch.end()
    }

    // MARK: - Looking

    private func isModel(_ deployment: JSONValue) -> Bool {
        deployment.value(at: "metadata", "labels", "mlctl.dev/deployment")?.text == Self.name
    }

    private func expectNoFailure(_ load: SteadyLoad, _ what: String) {
        #expect(load.failures == 0, "\(what): \(load.reasons) \(load.byRevision)")
    }
}

/// The durations of the chapters, for the report.
private struct Chapter {
    private let name: String
    private let kind: ClusterStage.Kind
    private let start = ContinuousClock.now

    init(_ name: String, _ kind: ClusterStage.Kind) {
        self.name = name
        self.kind = kind
    }

    func end() {
        let took = (ContinuousClock.now - start).formatted(
            .units(allowed: [.seconds], fractionalPart: .show(length: 1)))
        print("[\(kind.rawValue)] \(name): \(took)")
    }
}

extension SteadyLoad {
    fileprivate var failures: Int { errors + broken }
}
