import Commands
import Demo
import Foundation
import FoundationNetworking
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

/// The control loop with a cluster, with real git, real controllers, and real proxies and model servers as pods.
@Suite("On Kubernetes", .serialized, .timeLimit(.minutes(10)))
struct KubernetesTests {
    @Test(
        "the life of one installation: deploy, promote while the leader dies, roll back, repair edits, lose the API server, remove",
        arguments: ClusterStage.Kind.available)
    func life(_ kind: ClusterStage.Kind) async throws {
        try await ClusterStage.with(kind) { stage in
            try await ClusterControllers.with(stage, count: 2, electsLeader: true) { controllers in
                try await ClusterStory(stage: stage, controllers: controllers).tell()
            }
        }
    }

    @Test(
        "two controllers without leader election do no damage, and the one that loses a swap reports it",
        arguments: ClusterStage.Kind.available)
    func rivals(_ kind: ClusterStage.Kind) async throws {
        try await ClusterStage.with(kind) { stage in
            try await ClusterControllers.with(stage, count: 2, electsLeader: false) { controllers in
                try await rival(stage, controllers)
            }
        }
    }

    private func rival(_ stage: ClusterStage, _ controllers: ClusterControllers) async throws {
        try controllers.commit("good-1", rollout: QuickRollouts.gated)
        try await controllers.start()
        for controller in controllers.all {
            try await controller.wait(ClusterStage.service, for: "version 1 serves", limit: ClusterStory.waitLimit) {
                $0.phase == .healthy
            }
        }
        try await controllers.first.until("version 1 answers", limit: ClusterStory.waitLimit) {
            await stage.answer() == "good-1"
        }
        let load = SteadyLoad(ratePerSecond: ClusterStory.ratePerSecond)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await load.run(against: stage.serviceAddress) }
            defer { group.cancelAll() }
            try controllers.commit("good-2", rollout: QuickRollouts.gated)
            for controller in controllers.all {
                try await controller.wait(
                    ClusterStage.service, for: "version 2 is promoted", limit: ClusterStory.waitLimit
                ) {
                    $0.phase == .healthy && $0.stable?.version == "good-2"
                }
            }
        }
        #expect(load.errors + load.broken == 0, "\(load.reasons)")
        let events = try await stage.events()
        let promotions = events.count { $0.kind == "promoted" && $0.version == "good-2" }
        #expect(promotions == 1, "\(events)")
        // A controller that has not read the commit yet takes the candidate for unwanted, and starts it once more later.
        let starts = events.count { $0.kind == "rolloutStarted" && $0.version == "good-2" }
        #expect((1...controllers.all.count).contains(starts), "\(events)")
        let steps = events.filter { $0.kind == "stepStarted" && $0.version == "good-2" }.map(\.message)
        if starts == 1 { #expect(steps.count == Set(steps).count, "\(steps)") }
        let losers = controllers.all.filter { $0.controllerLog.contains("Another writer changed the record") }
        #expect(!losers.isEmpty)
    }

    /// The image that it runs in provides a shell. A pod's address is in its own environment, and not in a controller's.
    private static let checked = """
            steps:
            - setWeight: 100
            gates:
            - name: golden
              check:
                image: "\(ClusterStage.checkImage)"
                command:
                - sh
                - -c
                - 'test -n "$$POD_IP" || exit 9; case "$$MODEL_VERSION" in good*) echo "{\\"accuracy\\": 0.9}";; *) echo "wrong about $$MLCTL_REVISION"; exit 1;; esac'
                metrics: {accuracy: {min: 0.5}}
        """

    @Test("a check runs as a Job in the deployment's namespace, keeps out a bad version, and leaves nothing behind")
    func checks() async throws {
        try await ClusterStage.with(.model) { stage in
            try await ClusterControllers.with(stage, count: 1, electsLeader: false) { controllers in
                try controllers.commit("good-1", rollout: Self.checked)
                try await controllers.start()
                let controller = controllers.first
                try await controller.wait(ClusterStage.service, for: "version 1 serves", limit: ClusterStory.waitLimit)
                {
                    $0.phase == .healthy && $0.stable?.version == "good-1"
                }
                try controllers.commit("failing-2", rollout: Self.checked)
                let end = try await controller.wait(
                    ClusterStage.service, for: "a rollback", limit: ClusterStory.waitLimit
                ) { $0.phase == .rolledBack }
                #expect(end.message.contains("exit code 1: wrong about "), "\(end.message)")
                #expect(end.stable?.version == "good-1")
                try await controller.until("no Job and none of its pods are left", limit: ClusterStory.waitLimit) {
                    let pods = JSONValue(
                        data: try await stage.api.answer(
                            to: .list(.pods, .init(namespace: stage.namespace, labelSelector: "mlctl.dev/check"))))
                    let jobs = try await stage.objects(.jobs)
                    return jobs.isEmpty && pods?[field: "items"]?.items.isEmpty == true
                }
                let log = controller.controllerLog
                #expect(log.components(separatedBy: "A check runs as a Job").count == 3, "two runs, each a Job")
            }
        }
    }
}
