import ModelManifests

/// How many instances of which revision, and which share of traffic goes where. Declarative: a backend makes it true.
public struct ServingPlan: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    public var target: Target
    /// Who says how many instances there are. Where that is not the manifest, `RevisionPlan.replicas` is what a revision
    /// begins with.
    public var scaling: Scaling
    public var endpoint: Endpoint
    /// Every revision that is wanted. Whatever is not named is drained and stopped.
    public var revisions: [RevisionPlan]
    /// How a shadow's answers are held against those of the revision that answered; nil where nothing is mirrored.
    public var comparison: ShadowComparison?
    /// Its manifest is gone. Without revisions that is not the same: what it asked for failed, and it wants its endpoint.
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

    /// A plan that an older controller kept knows no target: it was local; nor who scales it.
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

    /// True where traffic may flow: the weights sum to 100. Otherwise they are all 0 and the endpoint answers 503.
    public var isOpen: Bool { revisions.contains { $0.weight > 0 } }
}

public struct RevisionPlan: Hashable, Codable, Sendable {
    public var revision: Revision
    public var template: ServingTemplate
    public var replicas: Int
    /// Per cent of the deployment's traffic.
    public var weight: Int
    /// Its log files outlive it: it was rolled back, and someone will ask why.
    public var keepsLogs: Bool
    /// Per cent of the deployment's traffic that is copied to it; its answers are discarded.
    public var mirror: Int
    /// A port of its own at which it answers whoever asks there.
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
