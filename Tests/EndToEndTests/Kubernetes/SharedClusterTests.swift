import ControlAPI
import ControlPorts
import Foundation
import FoundationNetworking
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

/// What people, policies and the cluster's own controllers do in a cluster, tested with a complete controller.
@Suite("In a shared cluster", .serialized, .timeLimit(.minutes(15)))
struct SharedClusterTests {
    private static let name = ClusterStage.service
    private static let limit = ClusterStory.waitLimit
    private static let policyMessage = AdmissionPolicy.message
    /// Pods end when their longest possible request is over.
    private static let endLimit: Duration = .seconds(120)
    /// Waits for an approval at 50 %.
    private static let held = """
            steps: [{setWeight: 50}, {pause: {}}, {setWeight: 100}]
            gates: []
        """
    private static let quick = """
            steps: [{setWeight: 100}]
            gates: []
        """

    /// With version 1 as stable.
    private func serving(
        on kind: ClusterStage.Kind, controllers count: Int = 1, replicas: String = "2",
        _ body: @escaping @Sendable (ClusterStage, ClusterControllers) async throws -> Void
    ) async throws {
        try await ClusterStage.with(kind) { stage in
            try await ClusterControllers.with(stage, count: count, electsLeader: count > 1) { controllers in
                try controllers.commit("good-1", rollout: Self.quick, replicas: replicas)
                try await controllers.start()
                let first = try await count > 1 ? controllers.leader() : controllers.first
                try await first.wait(Self.name, for: "version 1 serves", limit: Self.limit) { $0.phase == .healthy }
                try await body(stage, controllers)
            }
        }
    }

    private func run(
        _ controller: Installation, _ verb: String, in stage: ClusterStage, _ more: String...
    ) throws -> Installation.Output {
        try controller.run([verb, Self.name, "-n", stage.namespace] + more)
    }

    private func get(_ path: String, of controller: Installation) async throws -> (code: Int?, text: String) {
        let api = try #require(controller.api)
        var request = URLRequest(url: api.appending(path: path))
        request.setValue("Bearer \(controller.token ?? "")", forHTTPHeaderField: "authorization")
        let (data, response) = try await URLSession.shared.data(for: request)
        return ((response as? HTTPURLResponse)?.statusCode, String(decoding: data, as: UTF8.self))
    }

    private func record(_ stage: ClusterStage) async throws -> JSONValue? {
        try await stage.object(.modelDeployments, Self.name)
    }

    /// As `kubectl wait --for=condition=Ready` sees it.
    private func isCurrentAndReady(_ object: JSONValue?) -> Bool {
        guard let object, let generation = object.value(at: "metadata", "generation") else { return false }
        let ready = object.value(at: "status", "conditions")?.items.first { $0[field: "type"] == "Ready" }
        return object.value(at: "status", "observedGeneration") == generation && ready?[field: "status"] == "True"
            && ready?[field: "observedGeneration"] == generation
    }

    // MARK: - Controllers that stand by

    @Test(
        "a standby answers like the leader and forwards commands to it, and a lease of an hour delays nobody",
        arguments: ClusterStage.Kind.available)
    func standby(_ kind: ClusterStage.Kind) async throws {
        try await serving(on: kind, controllers: 2) { stage, controllers in
            let leader = try await controllers.leader()
            let standby = try #require(controllers.all.first { $0 !== leader })
            let seen = try await standby.status(Self.name)
            #expect(seen?.phase == .healthy && seen?.stable?.version == "good-1")
            #expect(try await leader.status(Self.name)?.stable == seen?.stable)
            for verb in ["events", "history"] {
                let answers = try [leader, standby].map { try run($0, verb, in: stage, "-o", "json") }
                #expect(answers[0].status == 0 && answers[0].output.contains("good-1"), "\(verb): \(answers[0])")
                #expect(answers[0].output == answers[1].output, "\(verb)")
            }
            #expect(try await get("leadz", of: leader).code == 200)
            #expect(try await get("leadz", of: standby).code == 503)
            #expect(try await get("readyz", of: leader).text.contains("leads"))
            #expect(try await get("readyz", of: standby).text.contains("stands by"))
            let suspended = try run(standby, "suspend", in: stage)
            #expect(suspended.status == 0, "\(suspended.error)")
            try await leader.until("the leader has suspended it", limit: Self.limit) {
                try await stage.events().contains { $0.kind == "suspended" }
            }
            #expect(try run(standby, "resume", in: stage).status == 0)
            // Someone edits the lease.
            let lease = ResourceType.leases
            try await stage.edit(lease, "e2e", ["spec": ["leaseDurationSeconds": 3600]])
            leader.killController()
            try await stage.edit(lease, "e2e", ["spec": ["leaseDurationSeconds": 3600]])
            let killedAt = ContinuousClock.now
            let next = try await controllers.leader(limit: ClusterStory.longestSuccession)
            print("[\(kind.rawValue)] with a lease of an hour, another leads after \(ContinuousClock.now - killedAt)")
            #expect(next === standby)
            try await controllers.start(leader)
        }
    }

    // MARK: - What the cluster refuses

    @Test(
        "a policy and a quota block only what they refuse: a canary is rolled back meanwhile",
        .enabled(if: ClusterStage.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"))
    func refusals() async throws {
        try await serving(on: .real) { stage, controllers in
            let controller = controllers.first
            try controllers.commit("good-2", rollout: Self.held)
            try await controller.wait(Self.name, for: "version 2 waits at 50 %", limit: Self.limit) {
                $0.phase == .paused && $0.candidate?.weight == 50
            }
            let spec = try await record(stage)?[field: "spec"]
            let policy = AdmissionPolicy(in: stage.namespace, on: .modelDeployments)
            try await policy.apply(stage.api)
            try await controller.until("the policy is in force", limit: Self.limit) {
                await policy.isInForce(stage.api, spec: spec)
            }
            try controllers.commit("good-3", rollout: Self.held, team: AdmissionPolicy.refusedTeam)
            let refused = try await controller.wait(Self.name, for: "the refusal is reported", limit: Self.limit) {
                $0.message.contains(Self.policyMessage)
            }
            #expect(refused.candidate?.version == "good-2" && refused.candidate?.weight == 50)
            try await controller.until("kubectl shows it too", limit: Self.limit) {
                let shown = try await record(stage)?.value(at: "status", "message")?.text
                return shown?.contains(Self.policyMessage) == true
            }
            let validated = try controller.run([
                "validate", controller.repo.path(percentEncoded: false), "--server", "--kubeconfig", stage.kubeconfig,
            ])
            #expect(validated.status == 2 && validated.output.contains(Self.policyMessage), "\(validated)")
            let abort = try run(controller, "abort", in: stage)
            #expect(abort.status == 0, "\(abort.error)")
            try await controller.wait(Self.name, for: "version 2 has no traffic", limit: Self.limit) {
                $0.candidate == nil && $0.stable?.version == "good-1"
            }
            await AdmissionPolicy.delete(in: stage.namespace, stage.api)
            try await quota(stage, controllers)
        }
    }

    private func quota(_ stage: ClusterStage, _ controllers: ClusterControllers) async throws {
        let controller = controllers.first
        // The refused commit is applied later without further action.
        try await controller.wait(Self.name, for: "version 3 waits at 50 %", limit: Self.limit) {
            $0.phase == .paused && $0.candidate?.version == "good-3"
        }
        #expect(try run(controller, "abort", in: stage).status == 0)
        try await controller.wait(Self.name, for: "version 3 is gone", limit: Self.limit) { $0.candidate == nil }
        let quotas = ResourceType(kind: "ResourceQuota", plural: "resourcequotas")
        let body: JSONValue = [
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": ["name": "small"],
            "spec": ["hard": ["count/deployments.apps": "2"]],
        ]
        _ = try await stage.api.create(quotas, namespace: stage.namespace, body: body.data)
        try await controller.until("the quota is counted", limit: Self.endLimit) {
            let used = try await stage.object(quotas, "small")?.value(at: "status", "used", "count/deployments.apps")
            return used == "2"
        }
        try controllers.commit("good-4", rollout: Self.quick)
        let told = try await controller.wait(Self.name, for: "the quota is reported", limit: Self.limit) {
            $0.message.contains("exceeded quota: small")
        }
        #expect(told.message.contains("Raise the namespace's ResourceQuota") && told.stable?.ready == 2)
        #expect(told.condition(.available)?.status == "True")
        try await stage.api.delete(quotas, stage.key("small"))
        try await controller.wait(Self.name, for: "version 4 serves by itself", limit: Self.endLimit) {
            $0.phase == .healthy && $0.stable?.version == "good-4"
        }
    }

    // MARK: - People's hands

    @Test(
        "what people wipe, edit, delete or add is put right, and the status is about the spec that it names",
        arguments: ClusterStage.Kind.available)
    func hands(_ kind: ClusterStage.Kind) async throws {
        try await serving(on: kind) { stage, controllers in
            let controller = controllers.first
            try await edit(stage, controller)
            try controllers.commit("good-2", rollout: Self.held)
            try await controller.wait(Self.name, for: "version 2 waits at 50 %", limit: Self.limit) {
                $0.phase == .paused && $0.candidate?.weight == 50
            }
            #expect(try run(controller, "abort", in: stage).status == 0)
            try await controller.wait(Self.name, for: "version 2 is in quarantine", limit: Self.limit) {
                $0.candidate == nil && $0.quarantined.map(\.version) == ["good-2"]
            }
            try await wipe(stage, controller)
            try await forge(stage, controller)
            try await deleteInForeground(stage, controller)
            try await add(stage, controller)
            try await takeName(stage, controller)
        }
    }

    private func wipe(_ stage: ClusterStage, _ controller: Installation) async throws {
        var version = 0
        try await controller.until("it is wiped", limit: Self.limit) {
            var object = try #require(try await record(stage))
            version = try #require(object.value(at: "status", "record", "version")?.whole)
            object[field: "status"] = nil
            object.set(nil, at: "metadata", "managedFields")
            do {
                _ = try await stage.api.answer(
                    to: .replace(
                        .modelDeployments, stage.key(Self.name), body: object.data, fieldManager: "velero",
                        subresource: "status"))
                return true
            } catch let error as APIError where error.isConflict {
                return false
            }
        }
        let wiped = ContinuousClock.now
        try await controller.until("the status is back", limit: .seconds(10)) {
            let found = try await record(stage)
            return (found?.value(at: "status", "record", "version")?.whole ?? 0) > version
                && found?.value(at: "status", "quarantined")?.items.count == 1
        }
        print("[\(stage.kind.rawValue)] a wiped status is back after \(ContinuousClock.now - wiped)")
        #expect(try await controller.status(Self.name)?.stable?.version == "good-1")
    }

    /// Someone who may write statuses and ConfigMaps tries to make the controller and its proxies follow them.
    private func forge(_ stage: ClusterStage, _ controller: Installation) async throws {
        let before = try #require(try await record(stage)?.value(at: "status", "record"))
        let version = try #require(before[field: "version"]?.whole)
        let forged: JSONValue = [
            "version": .integer(version + 5), "state": "{}", "seal": before[field: "seal"] ?? .null,
        ]
        let body: JSONValue = ["status": ["record": forged]]
        _ = try await stage.api.answer(
            to: .merge(
                .modelDeployments, stage.key(Self.name), body: body.data, fieldManager: "kubectl-edit",
                subresource: "status"))
        try await controller.until("the forged record is written over", limit: .seconds(15)) {
            let found = try await record(stage)?.value(at: "status", "record")
            return found?[field: "state"]?.text != "{}" && (found?[field: "version"]?.whole ?? 0) > version
        }
        let status = try #require(try await controller.status(Self.name))
        #expect(status.stable?.version == "good-1")
        #expect(status.quarantined.map(\.version) == ["good-2"])
        let containers = try await stage.object(.deployments, "mlctl-proxy")?
            .value(at: "spec", "template", "spec", "containers")
        let arguments = containers?.items.first?[field: "args"]?.items.compactMap(\.text) ?? []
        #expect(arguments.contains("--route-key"), "its proxies follow what is sealed alone")
    }

    private func edit(_ stage: ClusterStage, _ controller: Installation) async throws {
        try await controller.until("it is ready", limit: Self.limit) { isCurrentAndReady(try await record(stage)) }
        let wanted = try await record(stage)?.value(at: "spec", "replicas")
        try await stage.edit(.modelDeployments, Self.name, ["spec": ["replicas": 7]])
        let edited = ContinuousClock.now
        try await controller.until("the edit is undone", limit: .seconds(15)) {
            let found = try await record(stage)
            let isAbout =
                found?.value(at: "status", "observedGeneration") == found?.value(at: "metadata", "generation")
            // A status is never about a spec that is not in force.
            if isAbout { #expect(found?.value(at: "spec", "replicas") == wanted) }
            return isCurrentAndReady(found)
        }
        print("[\(stage.kind.rawValue)] ready again \(ContinuousClock.now - edited) after a hand edit")
    }

    private func deleteInForeground(_ stage: ClusterStage, _ controller: Installation) async throws {
        let pods = try await stage.livingPods()
        let uid = try await record(stage)?.value(at: "metadata", "uid")
        _ = try await stage.api.answer(
            to: .delete(.modelDeployments, stage.key(Self.name), propagation: .foreground))
        try await controller.until("it is created again, with its record", limit: Self.limit) {
            let found = try await record(stage)
            return found?.value(at: "metadata", "uid") != uid && found?.value(at: "metadata", "uid") != nil
                && found?.value(at: "status", "quarantined")?.items.count == 1
        }
        #expect(try await stage.livingPods() == pods, "no pod was started again")
    }

    private func add(_ stage: ClusterStage, _ controller: Installation) async throws {
        let before = try #require(try await stage.object(.services, Self.name)?[field: "spec"])
        let ports = before[field: "ports"]?.items ?? []
        let more: JSONValue = ["name": "more", "port": 9999, "targetPort": 9999, "protocol": "TCP"]
        try await stage.edit(
            .services, Self.name, ["spec": ["ports": .array(ports + [more]), "publishNotReadyAddresses": true]])
        try await controller.until("the addition is gone", limit: .seconds(15)) {
            try await stage.object(.services, Self.name)?[field: "spec"] == before
        }
    }

    /// A deployment with the name of one of mlctl's own objects.
    private func takeName(_ stage: ClusterStage, _ controller: Installation) async throws {
        let service = try await stage.object(.services, "mlctl-proxy")?[field: "spec"]
        let taken = try String(contentsOf: controller.repo.appending(path: "model.yaml"), encoding: .utf8)
            .replacing("{name: \(Self.name),", with: "{name: mlctl-proxy,")
        try controller.commit(["taken.yaml": taken])
        try await controller.until("the name is refused", limit: Self.limit) {
            let status = try await controller.client?.status()
            return status?.sources.first?.diagnostics.contains { $0.description.contains("mlctl-proxy") } == true
        }
        #expect(try await stage.object(.modelDeployments, "mlctl-proxy") == nil)
        #expect(try await stage.object(.services, "mlctl-proxy")?[field: "spec"] == service)
    }

    @Test(
        "the replica count of an autoscaler is kept, and used for the rollout", arguments: ClusterStage.Kind.available)
    func external(_ kind: ClusterStage.Kind) async throws {
        try await serving(on: kind, replicas: "external") { stage, controllers in
            let controller = controllers.first
            let stable = try #require(try await controller.status(Self.name)?.stable)
            let workload = "\(Self.name)-\(stable.revision)"
            let scale = APIRequest.merge(
                .deployments, stage.key(workload), body: Data(#"{"spec": {"replicas": 3}}"#.utf8),
                fieldManager: "kubectl", subresource: "scale")
            _ = try await stage.api.answer(to: scale)
            let scaled = try await controller.wait(Self.name, for: "three are ready", limit: Self.limit) {
                $0.stable?.ready == 3 && $0.phase == .healthy
            }
            #expect(scaled.stable?.replicas == 3)
            try controllers.commit("good-2", rollout: Self.quick, replicas: "external")
            try await controller.wait(Self.name, for: "version 2 is promoted", limit: Self.limit) {
                $0.phase == .healthy && $0.stable?.version == "good-2"
            }
            #expect(try await stage.object(.deployments, workload)?.value(at: "spec", "replicas") != 2)
        }
    }

    @Test(
        "a pod that was never ready can be evicted in spite of its budget",
        .enabled(if: ClusterStage.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"))
    func eviction() async throws {
        try await serving(on: .real) { stage, controllers in
            let controller = controllers.first
            try controllers.commit("stuck-2", rollout: Self.held)
            let status = try await controller.wait(Self.name, for: "it loads", limit: Self.limit) {
                $0.candidate?.version == "stuck-2"
            }
            let revision = try #require(status.candidate?.revision.rawValue)
            func pods() async throws -> [String] {
                try await stage.objects(.pods).filter {
                    $0.value(at: "metadata", "labels", "mlctl.dev/revision")?.text == revision
                        && $0.value(at: "status", "phase") == "Running"
                }.compactMap { $0.value(at: "metadata", "name")?.text }
            }
            try await controller.until("both pods run", limit: Self.limit) { try await pods().count == 2 }
            try await controller.until("its budget is counted", limit: Self.limit) {
                let budget = try await stage.objects(.podDisruptionBudgets).first {
                    $0.value(at: "metadata", "name")?.text?.contains(revision) == true
                }
                return budget?.value(at: "status", "disruptionsAllowed") == 0
            }
            for name in try await pods() {
                let eviction = """
                    {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "\(name)"}}
                    """
                let path = ResourceType.pods.path(
                    namespace: stage.namespace, name: name, subresource: "eviction")
                _ = try await stage.api.answer(
                    to: APIRequest(.post, path, contentType: "application/json", body: Data(eviction.utf8)))
            }
            #expect(try run(controller, "abort", in: stage).status == 0)
        }
    }

    // MARK: - The end

    @Test(
        "a namespace can be deleted although git wants its deployments, and mlctl leaves nothing in it",
        arguments: ClusterStage.Kind.available)
    func end(_ kind: ClusterStage.Kind) async throws {
        try await serving(on: kind) { stage, controllers in
            let controller = controllers.first
            let namespace = NamespacedName(name: stage.namespace)
            let deleted = ContinuousClock.now
            try await stage.api.delete(.namespaces, namespace)
            try await controller.until("the namespace is gone", limit: Self.endLimit) {
                (try? await stage.api.answer(to: .get(.namespaces, namespace))) == nil
            }
            print("[\(kind.rawValue)] its namespace is gone after \(ContinuousClock.now - deleted)")
            try await controller.wait(Self.name, for: "its end is reported", limit: Self.limit) {
                $0.message.contains("namespace")
            }
            try await stage.makeNamespace()
            try await controller.wait(Self.name, for: "it serves again", limit: Self.endLimit) {
                $0.phase == .healthy && $0.stable?.ready == 2
            }
            try controller.stopController()
            let gone = try controller.run([
                "uninstall", "--yes", "--namespace", stage.namespace, "--kubeconfig", stage.kubeconfig, "--lease",
                "e2e",
            ])
            #expect(gone.status == 0, "\(gone)")
            try await controller.until("its pods have ended", limit: Self.endLimit) {
                try await stage.leftovers().isEmpty
            }
        }
    }
}
