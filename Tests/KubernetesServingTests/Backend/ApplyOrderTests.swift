import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

@Suite("The order of writes and deletions")
struct ApplyOrderTests {
    private func labels(_ revision: Revision? = nil) -> [String: String] {
        ObjectLabels.of(Sample.key, revision: revision)
    }

    private func order(
        _ plan: ServingPlan, live: [LiveObject], replicas: [String: Int] = [:]
    ) -> ApplyOrder {
        let rendering = Sample.rendering(plan)
        let ids = replicas.map {
            (ObjectID(type: .deployments, key: NamespacedName(namespace: "payments", name: $0.key)), $0.value)
        }
        return ApplyOrder(
            rendering.result(), deployment: Sample.key, live: live,
            replicas: Dictionary(ids) { first, _ in first }, keptNames: rendering.keptNames)
    }

    @Test("objects that grow are written before the routes, objects that shrink after them")
    func order() {
        let order = order(
            Sample.plan([(Sample.one, 1, 50), (Sample.two, 2, 50)]), live: [],
            replicas: ["fraud-1111111111": 2, "fraud-2222222222": 1])
        #expect(order.after.map(\.key.name) == ["fraud-1111111111"])
        #expect(order.before.contains { $0.type == .deployments && $0.key.name == "fraud-2222222222" })
        #expect(order.routes.count == 2)
        #expect(order.deletions.isEmpty)
    }

    @Test("unwanted objects are deleted: routes first, then pods, then their Services")
    func deletions() {
        let live = [
            Sample.live(.services, "fraud-1111111111", labels: labels(Sample.one)),
            Sample.live(.deployments, "fraud-1111111111", labels: labels(Sample.one)),
            Sample.live(.services, "fraud", labels: labels()),
            Sample.live(.configMaps, "fraud-route", labels: labels()),
        ]
        #expect(
            order(Sample.plan([]), live: live).deletions.map { "\($0.object.id)" } == [
                "Service payments/fraud", "ConfigMap payments/fraud-route", "Deployment payments/fraud-1111111111",
                "Service payments/fraud-1111111111",
            ])
        let kept = order(Sample.plan([(Sample.two, 1, 100)]), live: live).deletions.map { "\($0.object.id)" }
        #expect(kept == ["Deployment payments/fraud-1111111111", "Service payments/fraud-1111111111"])
    }

    @Test("a budget is deleted with the second pod; a revision that cannot be rendered keeps all its objects")
    func kept() {
        let live = [
            Sample.live(.podDisruptionBudgets, "fraud-1111111111", labels: labels(Sample.one)),
            Sample.live(.deployments, "fraud-1111111111", labels: labels(Sample.one)),
        ]
        let plan = Sample.plan([(Sample.one, 1, 100)])
        #expect(order(plan, live: live).deletions.map(\.object.id.type.kind) == ["PodDisruptionBudget"])
        var broken = plan
        broken.revisions[0].template = Sample.template(uri: "file:///m")
        #expect(order(broken, live: live).deletions.isEmpty)
    }

    @Test("objects of others, of another deployment, or with another controller cannot be deleted")
    func foreign() {
        func may(_ object: LiveObject) -> Bool { Deletion(of: object, in: Sample.key) != nil }
        let somebody = OwnerReference(apiVersion: "v1", kind: "Application", name: "fraud", uid: "x")
        #expect(may(Sample.live(.services, "s", labels: labels())))
        #expect(may(Sample.live(.services, "s", labels: labels(), owners: [])))
        #expect(!may(Sample.live(.services, "s", labels: [ObjectLabels.deployment: "fraud"])))
        #expect(
            !may(Sample.live(.services, "s", labels: ObjectLabels.of(DeploymentKey(namespace: "payments", name: "x")))))
        #expect(!may(Sample.live(.services, "s", labels: labels(), owners: [somebody])))
        #expect(!may(Sample.live(.services, "s", labels: labels(), uid: "")))
        #expect(!may(Sample.live(.services, "s", labels: labels(), isBeingDeleted: true)))
        let proxy = Sample.live(.services, "mlctl-proxy", labels: ObjectLabels.ofProxy, owners: [])
        #expect(Deletion(ofShared: proxy) != nil)
        #expect(Deletion(of: proxy, in: Sample.key) == nil)
        #expect(Deletion(ofShared: Sample.live(.services, "mlctl-proxy", labels: labels(), owners: [])) == nil)
    }
}
