import ModelManifests

/// How many instances each revision should have, and which share of traffic it gets. Declarative: a backend carries it
/// out.
public struct ServingPlan: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    public var target: Target
    /// Who sets the number of instances. If it is not the manifest, `RevisionPlan.replicas` is only the number at the
    /// start.
    public var scaling: Scaling
    public var endpoint: Endpoint
    /// Every revision that is wanted. Revisions that are not listed are drained and stopped.
    public var revisions: [RevisionPlan]
    /// How a shadow's answers are compared with those of the revision that answered. Nil if nothing is mirrored.
    public var comparison: ShadowComparison?
    /// The manifest was removed. A plan without revisions can also mean that a first deployment failed; that one keeps
    /// its endpoint.
    public var isRemoved: Bool

    public init(
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
    public init(from decoder: any Decoder) throws {
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
    public var isOpen: Bool { revisions.contains { $0.weight > 0 } }
}

public struct RevisionPlan: Hashable, Codable, Sendable {
    public var revision: Revision
    public var template: ServingTemplate
    public var replicas: Int
    /// Percent of the deployment's traffic.
    public var weight: Int
    /// The log files stay after the instances end, because the revision was rolled back and people will ask why.
    public var keepsLogs: Bool
    /// Percent of the deployment's traffic that is copied to this revision. The answers are discarded.
    public var mirror: Int
    /// A port at which this revision answers directly.
    public var preview: Preview?

    public init(
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
