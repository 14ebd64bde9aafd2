import ModelManifests

/// How many instances each revision should have, and which share of traffic it gets. Declarative: a backend carries it
/// out.
package struct ServingPlan: Hashable, Codable, Sendable {
    package var deployment: DeploymentKey
    package var target: Target
    /// Who sets the number of instances. If it is not the manifest, `RevisionPlan.replicas` is only the number at the
    /// start.
    package var scaling: Scaling
    package var endpoint: Endpoint
    /// Every revision that is wanted. Revisions that are not listed are drained and stopped.
    package var revisions: [RevisionPlan]
    /// How a shadow's answers are compared with those of the revision that answered. Nil if nothing is mirrored.
    package var comparison: ShadowComparison?
    /// The manifest was removed. A plan without revisions can also mean that a first deployment failed; that one keeps
    /// its endpoint.
    package var isRemoved: Bool

    package init(
        deployment: DeploymentKey, target: Target = .local, scaling: Scaling = .manifest,
        endpoint: Endpoint = Endpoint(), revisions: [RevisionPlan] = [], comparison: ShadowComparison? = nil,
        isRemoved: Bool = false
    ) {
        self.isRemoved = isRemoved
        self.scaling = scaling
        self.deployment = deployment
        self.target = target
        self.endpoint = endpoint
        self.revisions = revisions
        self.comparison = comparison
    }

    /// A plan that an older controller stored has no target, which means local, and no scaling.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        deployment = try fields.decode(DeploymentKey.self, forKey: .deployment)
        target = try fields.decodeIfPresent(Target.self, forKey: .target) ?? .local
        scaling = try fields.decodeIfPresent(Scaling.self, forKey: .scaling) ?? .manifest
        endpoint = try fields.decode(Endpoint.self, forKey: .endpoint)
        revisions = try fields.decode([RevisionPlan].self, forKey: .revisions)
        comparison = try fields.decodeIfPresent(ShadowComparison.self, forKey: .comparison)
        isRemoved = try fields.decodeIfPresent(Bool.self, forKey: .isRemoved) ?? false
    }

    /// True if traffic may flow: the weights sum to 100. Otherwise all weights are 0 and the endpoint answers 503.
    package var isOpen: Bool { revisions.contains { $0.weight > 0 } }
}

package struct RevisionPlan: Hashable, Codable, Sendable {
    package var revision: Revision
    package var template: ServingTemplate
    package var replicas: Int
    /// Percent of the deployment's traffic.
    package var weight: Int
    /// The log files stay after the instances end, because the revision was rolled back and people will ask why.
    package var keepsLogs: Bool
    /// Percent of the deployment's traffic that is copied to this revision. The answers are discarded.
    package var mirror: Int
    /// A port at which this revision answers directly.
    package var preview: Preview?

    package init(
        revision: Revision, template: ServingTemplate, replicas: Int, weight: Int, keepsLogs: Bool = false,
        mirror: Int = 0, preview: Preview? = nil
    ) {
        self.revision = revision
        self.template = template
        self.replicas = replicas
        self.weight = weight
        self.keepsLogs = keepsLogs
        self.mirror = mirror
        self.preview = preview
    }
}
