import ModelManifests

/// How many instances of which revision, and which share of traffic goes where. Declarative: a backend makes it true.
public struct ServingPlan: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    public var endpoint: Endpoint
    /// Every revision that is wanted. Whatever is not named is drained and stopped.
    public var revisions: [RevisionPlan]

    public init(deployment: DeploymentKey, endpoint: Endpoint = Endpoint(), revisions: [RevisionPlan] = []) {
        self.deployment = deployment
        self.endpoint = endpoint
        self.revisions = revisions
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

    public init(
        revision: Revision, template: ServingTemplate, replicas: Int, weight: Int, keepsLogs: Bool = false
    ) {
        self.revision = revision
        self.template = template
        self.replicas = replicas
        self.weight = weight
        self.keepsLogs = keepsLogs
    }
}
