import ModelManifests
import Serving

/// A plan without its templates, which are on the revisions' Deployments. It is stored on the object that routes, so that a
/// controller that lost its record can find out what is served.
struct PlanOutline: Hashable, Codable, Sendable {
    struct Part: Hashable, Codable, Sendable {
        var revision: Revision
        var replicas: Int
        var weight: Int
        var mirror: Int
        var keepsLogs: Bool
        var preview: Preview?
    }

    var target: Target
    /// Nil: `manifest`, as in all sketches of older versions.
    var scaling: Scaling?
    var endpoint: Endpoint
    var comparison: ShadowComparison?
    var revisions: [Part]

    init(_ plan: ServingPlan) {
        target = plan.target
        scaling = plan.scaling == .manifest ? nil : plan.scaling
        endpoint = plan.endpoint
        comparison = plan.comparison
        revisions = plan.revisions.map {
            Part(
                revision: $0.revision, replicas: $0.replicas, weight: $0.weight, mirror: $0.mirror,
                keepsLogs: $0.keepsLogs, preview: $0.preview)
        }
    }

    /// - Parameter templates: of the revisions whose Deployments exist. A revision without a template is left out.
    func plan(of deployment: DeploymentKey, templates: [Revision: ServingTemplate]) -> ServingPlan {
        ServingPlan(
            deployment: deployment, target: target, scaling: scaling ?? .manifest, endpoint: endpoint,
            revisions: revisions.compactMap { part in
                templates[part.revision].map {
                    RevisionPlan(
                        revision: part.revision, template: $0, replicas: part.replicas, weight: part.weight,
                        keepsLogs: part.keepsLogs, mirror: part.mirror, preview: part.preview)
                }
            }, comparison: comparison)
    }
}
