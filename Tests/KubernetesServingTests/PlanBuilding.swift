import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving

@testable import KubernetesServing

/// Sample plans and objects for tests.
enum Sample {
    static let key = DeploymentKey(namespace: "payments", name: "fraud")
    static let one = Revision(rawValue: "1111111111")
    static let two = Revision(rawValue: "2222222222")
    static let owner = OwnerReference.modelDeployment(named: "fraud", uid: "owner-1")
    static let settings = ClusterServingSettings(image: "mlctl:1")

    static func template(
        _ version: String = "1", uri: String? = "https://models.example/fraud.tar",
        runtime: Runtime = Runtime(image: "server:1", command: ["serve"], args: ["--port", "$(PORT)"]),
        resources: Resources = Resources()
    ) -> ServingTemplate {
        ServingTemplate(
            model: ModelSource(version: version, storageURI: uri), runtime: runtime, resources: resources,
            canonical: "{\"version\":\"\(version)\"}")
    }

    static func plan(
        _ shares: [(Revision, replicas: Int, weight: Int)], router: KubernetesTarget.Router = .proxy,
        endpoint: Endpoint = Endpoint(), key: DeploymentKey = Sample.key
    ) -> ServingPlan {
        ServingPlan(
            deployment: key,
            target: .kubernetes(
                KubernetesTarget(
                    router: router, gateways: [GatewayReference(name: "web", namespace: "infra")],
                    hostnames: ["fraud.example"])), endpoint: endpoint,
            revisions: shares.map {
                RevisionPlan(
                    revision: $0.0, template: template($0.0.rawValue), replicas: $0.replicas, weight: $0.weight)
            })
    }

    static func rendering(_ plan: ServingPlan, ready: [Revision: Int] = [:]) -> PlanRendering {
        PlanRendering(
            plan: plan, settings: settings, router: ClusterBackend.router(plan.target), ready: ready,
            proxyPort: 12_345, proxyKey: "5555555555555555")
    }

    static func live(
        _ type: ResourceType, _ name: String, labels: [String: String], uid: String = "u", applied: String? = nil,
        owners: [OwnerReference] = [Sample.owner], own: UInt64? = nil, isBeingDeleted: Bool = false,
        version: String = "1"
    ) -> LiveObject {
        var metadata = ObjectMetadata(
            name: name, namespace: key.namespace, uid: uid, resourceVersion: version, labels: labels,
            ownerReferences: owners, deletionTimestamp: isBeingDeleted ? "2026-01-01T00:00:00Z" : nil)
        metadata.annotations[ObjectAnnotations.applied] = applied
        return LiveObject(type, metadata, ObjectWriters(own: own))
    }

    static func json(_ text: String) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    }

    static func pod(_ text: String) throws -> ManagedObject<PodKind> {
        try JSONDecoder().decode(ManagedObject<PodKind>.self, from: Data(text.utf8))
    }
}
