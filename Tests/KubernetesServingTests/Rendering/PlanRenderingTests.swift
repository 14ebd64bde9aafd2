import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

@Suite("Plans as objects")
struct PlanRenderingTests {
    @Test("a plan of two revisions with the proxy gives these objects, and no others")
    func objects() {
        let result = Sample.rendering(Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)])).result()
        #expect(
            result.workloads.map { "\($0.id)" } == [
                "Service payments/fraud-1111111111", "Deployment payments/fraud-1111111111",
                "PodDisruptionBudget payments/fraud-1111111111", "Service payments/fraud-2222222222",
                "Deployment payments/fraud-2222222222",
            ])
        #expect(result.routes.map { "\($0.id)" } == ["ConfigMap payments/fraud-route", "Service payments/fraud"])
        #expect(
            result.shared.map { "\($0.id)" } == [
                "ServiceAccount payments/mlctl-proxy", "Role payments/mlctl-proxy", "RoleBinding payments/mlctl-proxy",
                "Service payments/mlctl-proxy", "Deployment payments/mlctl-proxy",
                "PodDisruptionBudget payments/mlctl-proxy",
            ])
        #expect(result.failures.isEmpty)
        #expect(Sample.rendering(Sample.plan([])).result().all.isEmpty)
    }

    @Test(
        "a revision's Deployment has labels, template and replicas, and no owner whose deletion would delete it"
    )
    func workload() throws {
        let result = Sample.rendering(Sample.plan([(Sample.one, 3, 100)])).result()
        let object = try #require(result.workloads.first { $0.type == .deployments })
        #expect(result.all.allSatisfy { $0.body["metadata"]?["ownerReferences"] == nil })
        #expect(object.body["apiVersion"] == "apps/v1")
        #expect(object.body["spec"]?["replicas"] == 3)
        #expect(
            object.body["spec"]?["selector"]
                == ["matchLabels": ["mlctl.dev/deployment": "fraud", "mlctl.dev/revision": "1111111111"]])
        let annotation = object.body["metadata"]?["annotations"]?[ObjectAnnotations.template]?.text
        let read = try #require(AnnotationJSON.value(ServingTemplate.self, annotation))
        #expect(read == Sample.template("1111111111"))
        #expect(read.runtime == Sample.template("1111111111").runtime)
    }

    @Test("the complete Service and budget of a revision")
    func services() throws {
        let result = Sample.rendering(
            Sample.plan([(Sample.one, 2, 100)], endpoint: Endpoint(port: 9000))
        ).result()
        let service = try #require(result.workloads.first { $0.type == .services })
        #expect(
            service.body["spec"]
                == [
                    "selector": ["mlctl.dev/deployment": "fraud", "mlctl.dev/revision": "1111111111"],
                    "ports": [["name": "http", "port": 9000, "targetPort": "http", "protocol": "TCP"]],
                ])
        let budget = try #require(result.workloads.first { $0.type == .podDisruptionBudgets })
        #expect(
            budget.body["spec"]
                == [
                    "maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
                    "selector": [
                        "matchLabels": ["mlctl.dev/deployment": "fraud", "mlctl.dev/revision": "1111111111"]
                    ],
                ])
    }

    @Test("the same plan gives the same objects; a weight changes only the route")
    func stability() {
        let before = Sample.rendering(Sample.plan([(Sample.one, 2, 95), (Sample.two, 2, 5)])).result()
        let again = Sample.rendering(Sample.plan([(Sample.one, 2, 95), (Sample.two, 2, 5)])).result()
        let after = Sample.rendering(Sample.plan([(Sample.one, 2, 75), (Sample.two, 2, 25)])).result()
        #expect(before.all.map(\.hash) == again.all.map(\.hash))
        let changed = zip(before.all, after.all).filter { $0.hash != $1.hash }.map { "\($0.0.id)" }
        #expect(changed == ["ConfigMap payments/fraud-route"])
    }

    @Test("the last pod that answers for a share stays, even if its room is wanted")
    func lastPod() throws {
        let plan = Sample.plan([(Sample.one, 0, 100), (Sample.two, 1, 0)])
        func replicas(_ ready: [Revision: Int]) -> [JSONValue?] {
            Sample.rendering(plan, ready: ready).result().workloads.filter { $0.type == .deployments }
                .map { $0.body["spec"]?["replicas"] }
        }
        #expect(replicas([Sample.one: 2]) == [1, 1])
        #expect(replicas([:]) == [0, 1])
    }

    @Test("with an external autoscaler a Deployment has no number, but always a budget; 0 takes it down")
    func external() throws {
        var plan = Sample.plan([(Sample.one, 3, 100), (Sample.two, 1, 0)])
        plan.scaling = .external
        let workloads = Sample.rendering(plan).result().workloads
        let made = workloads.filter { $0.type == .deployments }
        #expect(made.map { $0.body["spec"]?["replicas"] } == [nil, nil])
        #expect(made.map(\.initialReplicas) == [3, 1])
        #expect(workloads.count { $0.type == .podDisruptionBudgets } == 2)
        plan.revisions[1].replicas = 0
        let down = Sample.rendering(plan).result().workloads.filter { $0.type == .deployments }
        #expect(down.map { $0.body["spec"]?["replicas"] } == [nil, 0])
        let manifest = Sample.rendering(Sample.plan([(Sample.one, 3, 100)])).result().workloads
        #expect(manifest.compactMap(\.initialReplicas) == [])
    }

    @Test("every budget allows eviction of pods that never became ready")
    func budgets() {
        let result = Sample.rendering(Sample.plan([(Sample.one, 2, 100)])).result()
        let budgets = result.all.filter { $0.type == .podDisruptionBudgets }
        #expect(budgets.count == 2)
        #expect(budgets.allSatisfy { $0.body["spec"]?["unhealthyPodEvictionPolicy"] == "AlwaysAllow" })
    }

    @Test("a revision that cannot be rendered does not affect the others, and keeps its objects")
    func failure() {
        var plan = Sample.plan([(Sample.one, 1, 100), (Sample.two, 1, 0)])
        plan.revisions[1].template = Sample.template(uri: "file:///models")
        let rendering = Sample.rendering(plan)
        let result = rendering.result()
        #expect(result.failures.map(\.code) == [.invalidPlan])
        #expect(result.workloads.map(\.key.name) == ["fraud-1111111111", "fraud-1111111111"])
        #expect(rendering.keptNames == ["fraud-1111111111", "fraud-2222222222"])
    }

    @Test("a plan can be read back from its annotations")
    func sketch() throws {
        var plan = Sample.plan([(Sample.one, 2, 95), (Sample.two, 1, 5)], endpoint: Endpoint(port: 9000))
        plan.revisions[1].mirror = 10
        plan.comparison = ShadowComparison(tolerance: 0.5)
        let route = try #require(Sample.rendering(plan).result().routes.first)
        let text = route.body["metadata"]?["annotations"]?[ObjectAnnotations.plan]?.text
        let sketch = try #require(AnnotationJSON.value(PlanOutline.self, text))
        let templates = Dictionary(uniqueKeysWithValues: plan.revisions.map { ($0.revision, $0.template) })
        #expect(sketch.plan(of: Sample.key, templates: templates) == plan)
        #expect(sketch.plan(of: Sample.key, templates: [:]).revisions.isEmpty)
    }
}
