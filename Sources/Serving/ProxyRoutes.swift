import ModelManifests

/// Everything that the traffic proxy does, whole: it is swapped at once, never edited.
public struct ProxyRoutes: Hashable, Codable, Sendable {
    /// Rises with every swap; the proxy says which one it follows.
    public var generation: Int
    public var routes: [ProxyRoute]
    /// Ports that no route may have: that of the controller, say.
    public var reservedPorts: [ReservedPort]

    public init(generation: Int = 0, routes: [ProxyRoute] = [], reservedPorts: [ReservedPort] = []) {
        self.generation = generation
        self.routes = routes
        self.reservedPorts = reservedPorts
    }

    /// An older controller reserves no ports.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        generation = try fields.decode(Int.self, forKey: .generation)
        routes = try fields.decode([ProxyRoute].self, forKey: .routes)
        reservedPorts = try fields.decodeIfPresent([ReservedPort].self, forKey: .reservedPorts) ?? []
    }
}

/// A port that is in use for something else.
public struct ReservedPort: Hashable, Codable, Sendable {
    public var port: Int
    /// What it is used for, as a message names it: "the controller's API".
    public var use: String

    public init(port: Int, use: String) {
        self.port = port
        self.use = use
    }
}

/// One deployment's endpoint.
public struct ProxyRoute: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    /// The port that the proxy listens on: of the loopback on one machine, of its pod in a cluster.
    public var port: Int
    public var routing: Routing
    public var requestTimeout: Duration
    /// Of a request whose instance or revision has left the routes: so long it may go on.
    public var drainTimeout: Duration
    /// The same for an answer that is streamed and has begun.
    public var streamTimeout: Duration
    /// Shares in per cent: they sum to 100, or are all 0 where nothing may answer yet. They say which revision a request
    /// is meant for, whether or not that has an instance: where it has none another revision answers, and the proxy
    /// counts the request as unavailable.
    public var revisions: [RevisionRoute]
    /// Who has been answered by a revision stays with it while that has a weight, whatever the weights become.
    public var keepsUsers: Bool
    public var observe: [PredictionObservation]
    /// Those of automatic buckets, apart: a proxy of an older version would not understand the whole list.
    public var observeAutomatic: [PredictionObservation]
    /// How a shadow's answers are held against those that users get.
    public var comparison: ShadowComparison
    public var generate: SyntheticRoute?
    /// Whether acting on a request twice is the same as once, so that one that got no answer is sent again; nil: by its method
    /// and its path.
    public var idempotent: Bool?
    /// How many requests each instance has at a time, and how many wait for that; nil: as many as come.
    public var concurrency: ConcurrencyLimit?
    /// Of a route with sticky users that several proxies have; nil: every user's first request counts here.
    public var evidence: EvidenceShare?
    /// What is told apart while there are two revisions; nil: nothing.
    public var slices: [TrafficSlice]?

    public init(
        deployment: DeploymentKey, port: Int, routing: Routing = .random, requestTimeout: Duration = .seconds(60),
        drainTimeout: Duration? = nil, streamTimeout: Duration = Drain.defaultStreamTimeout,
        revisions: [RevisionRoute] = [], keepsUsers: Bool = false, observe: [PredictionObservation] = [],
        comparison: ShadowComparison = ShadowComparison(), generate: SyntheticRoute? = nil, idempotent: Bool? = nil,
        concurrency: ConcurrencyLimit? = nil, slices: [TrafficSlice] = []
    ) {
        self.slices = slices.isEmpty ? nil : slices
        self.deployment = deployment
        self.port = port
        self.routing = routing
        self.requestTimeout = requestTimeout
        self.drainTimeout = drainTimeout ?? requestTimeout
        self.streamTimeout = streamTimeout
        self.revisions = revisions
        self.keepsUsers = keepsUsers
        self.observe = observe.filter { $0.buckets != .automatic }
        observeAutomatic = observe.filter { $0.buckets == .automatic }
        self.comparison = comparison
        self.generate = generate
        self.idempotent = idempotent
        self.concurrency = concurrency
    }

    /// Routes that an older controller wrote know less.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        deployment = try fields.decode(DeploymentKey.self, forKey: .deployment)
        port = try fields.decode(Int.self, forKey: .port)
        routing = try fields.decode(Routing.self, forKey: .routing)
        requestTimeout = try fields.decode(Duration.self, forKey: .requestTimeout)
        drainTimeout = try fields.decodeIfPresent(Duration.self, forKey: .drainTimeout) ?? requestTimeout
        streamTimeout =
            try fields.decodeIfPresent(Duration.self, forKey: .streamTimeout) ?? Drain.defaultStreamTimeout
        revisions = try fields.decode([RevisionRoute].self, forKey: .revisions)
        keepsUsers = try fields.decode(Bool.self, forKey: .keepsUsers)
        observe = try fields.decode([PredictionObservation].self, forKey: .observe)
        observeAutomatic =
            try fields.decodeIfPresent([PredictionObservation].self, forKey: .observeAutomatic) ?? []
        comparison = try fields.decode(ShadowComparison.self, forKey: .comparison)
        generate = try fields.decodeIfPresent(SyntheticRoute.self, forKey: .generate)
        evidence = try fields.decodeIfPresent(EvidenceShare.self, forKey: .evidence)
        idempotent = try fields.decodeIfPresent(Bool.self, forKey: .idempotent)
        concurrency = try fields.decodeIfPresent(ConcurrencyLimit.self, forKey: .concurrency)
        slices = try fields.decodeIfPresent([TrafficSlice].self, forKey: .slices)
    }
}

extension ProxyRoute {
    public var observations: [PredictionObservation] { observe + observeAutomatic }
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
