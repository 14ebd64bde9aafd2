import ModelManifests

/// Everything that the traffic proxy does, whole: it is swapped at once, never edited.
public struct ProxyRoutes: Hashable, Codable, Sendable {
    /// Rises with every swap; the proxy says which one it follows.
    public var generation: Int
    public var routes: [ProxyRoute]

    public init(generation: Int = 0, routes: [ProxyRoute] = []) {
        self.generation = generation
        self.routes = routes
    }
}

/// One deployment's endpoint.
public struct ProxyRoute: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    /// The port that the proxy listens on: of the loopback on one machine, of its pod in a cluster.
    public var port: Int
    public var routing: Routing
    public var requestTimeout: Duration
    /// Shares in per cent: they sum to 100, or are all 0 where nothing may answer yet.
    public var revisions: [RevisionRoute]
    /// Who has been answered by a revision stays with it while that has a weight, whatever the weights become.
    public var keepsUsers: Bool
    public var observe: [PredictionObservation]
    /// How a shadow's answers are held against those that users get.
    public var comparison: ShadowComparison
    public var generate: SyntheticRoute?
    /// Of a route with sticky users that several proxies have; nil: every user's first request counts here.
    public var evidence: EvidenceShare?

    public init(
        deployment: DeploymentKey, port: Int, routing: Routing = .random, requestTimeout: Duration = .seconds(60),
        revisions: [RevisionRoute] = [], keepsUsers: Bool = false, observe: [PredictionObservation] = [],
        comparison: ShadowComparison = ShadowComparison(), generate: SyntheticRoute? = nil
    ) {
        self.deployment = deployment
        self.port = port
        self.routing = routing
        self.requestTimeout = requestTimeout
        self.revisions = revisions
        self.keepsUsers = keepsUsers
        self.observe = observe
        self.comparison = comparison
        self.generate = generate
    }
}

/// Recorded requests to send to every revision that has instances, in turn.
public struct SyntheticRoute: Hashable, Codable, Sendable {
    /// All revisions together.
    public var ratePerSecond: Double
    /// The absolute path of the file.
    public var file: String
    /// Where lines without a path of their own are posted to.
    public var path: String?

    public init(ratePerSecond: Double, file: String, path: String? = nil) {
        self.ratePerSecond = ratePerSecond
        self.file = file
        self.path = path
    }
}

public struct RevisionRoute: Hashable, Codable, Sendable {
    public var revision: Revision
    public var weight: Int
    /// Those that may take new requests. Whatever is gone from here finishes what it has.
    public var upstreams: [Upstream]
    /// Per cent of the deployment's requests that are copied to it; its answers are compared, and discarded.
    public var mirror: Int
    /// A loopback port of its own: requests there are answered by it alone, and are no evidence.
    public var previewPort: Int?

    public init(
        revision: Revision, weight: Int, upstreams: [Upstream] = [], mirror: Int = 0, previewPort: Int? = nil
    ) {
        self.revision = revision
        self.weight = weight
        self.upstreams = upstreams
        self.mirror = mirror
        self.previewPort = previewPort
    }
}

/// Where one instance listens.
public struct Upstream: Hashable, Codable, Sendable {
    public static let loopback = "127.0.0.1"

    public var instance: String
    /// An IP address.
    public var host: String
    public var port: Int

    public init(instance: String, host: String = Upstream.loopback, port: Int) {
        self.instance = instance
        self.host = host
        self.port = port
    }

    /// Routes that an older controller wrote name no host: all of them are on the loopback.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        instance = try fields.decode(String.self, forKey: .instance)
        host = try fields.decodeIfPresent(String.self, forKey: .host) ?? Self.loopback
        port = try fields.decode(Int.self, forKey: .port)
    }
}

/// What the proxy tells the controller.
public struct ProxyReport: Hashable, Codable, Sendable {
    /// New with every start of the proxy: its counters start again.
    public var epoch: String
    public var generation: Int
    public var endpoints: [EndpointReport]
    /// Ports at which one revision can be tried.
    public var previews: [EndpointReport]
    public var instances: [InstanceReport]

    public init(
        epoch: String, generation: Int, endpoints: [EndpointReport] = [], previews: [EndpointReport] = [],
        instances: [InstanceReport] = []
    ) {
        self.epoch = epoch
        self.generation = generation
        self.endpoints = endpoints
        self.previews = previews
        self.instances = instances
    }

    /// A proxy that was started before its controller was upgraded knows no previews.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        epoch = try fields.decode(String.self, forKey: .epoch)
        generation = try fields.decode(Int.self, forKey: .generation)
        endpoints = try fields.decode([EndpointReport].self, forKey: .endpoints)
        previews = try fields.decodeIfPresent([EndpointReport].self, forKey: .previews) ?? []
        instances = try fields.decode([InstanceReport].self, forKey: .instances)
    }
}

public struct EndpointReport: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    public var port: Int
    public var listening: Bool
    /// Why it does not listen: the port is in use, say.
    public var error: String?
    /// What else of the route cannot be followed, and what to do: no recorded requests are sent, say.
    public var problems: [String]

    public init(deployment: DeploymentKey, port: Int, listening: Bool, error: String? = nil, problems: [String] = []) {
        self.deployment = deployment
        self.port = port
        self.listening = listening
        self.error = error
        self.problems = problems
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        deployment = try fields.decode(DeploymentKey.self, forKey: .deployment)
        port = try fields.decode(Int.self, forKey: .port)
        listening = try fields.decode(Bool.self, forKey: .listening)
        error = try fields.decodeIfPresent(String.self, forKey: .error)
        problems = try fields.decodeIfPresent([String].self, forKey: .problems) ?? []
    }
}

public struct InstanceReport: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    public var revision: Revision
    public var instance: String
    public var counters: RequestCounters
    /// Requests under way.
    public var inFlight: Int
    /// Taken out of rotation for now, after failures to connect.
    public var ejected: Bool
    /// Ids of the last failing requests, at most 20, newest last.
    public var failedRequestIds: [String]

    public init(
        deployment: DeploymentKey, revision: Revision, instance: String, counters: RequestCounters, inFlight: Int = 0,
        ejected: Bool = false, failedRequestIds: [String] = []
    ) {
        self.deployment = deployment
        self.revision = revision
        self.instance = instance
        self.counters = counters
        self.inFlight = inFlight
        self.ejected = ejected
        self.failedRequestIds = failedRequestIds
    }
}
