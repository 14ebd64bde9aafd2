/// One model service, wanted: a ModelDeployment with its references resolved and its defaults filled in.
public struct ModelDeployment: Hashable, Codable, Sendable {
    public var key: DeploymentKey
    public var labels: [String: String]
    public var template: ServingTemplate
    /// Carried into the audit trail; never part of the revision.
    public var lineage: [String: String]
    public var target: Target
    public var replicas: Int
    /// Who says how many instances there are.
    public var scaling: Scaling
    public var endpoint: Endpoint
    public var rollout: RolloutSpec
    public var dependsOn: [DeploymentKey]
    /// Keeps everything as it is, whatever git says.
    public var suspend: Bool
    /// Whose manifest it is; nil: the one project of a controller that has no others.
    public var project: String?
    /// `spec` as git has it, as canonical JSON, for a target that shows it to others; nil where there is nobody to show it
    /// to. What is decided never depends on it: `forDeciding`.
    public var written: String?

    public init(
        key: DeploymentKey, labels: [String: String] = [:], template: ServingTemplate, lineage: [String: String] = [:],
        target: Target = .local, replicas: Int = 1, scaling: Scaling = .manifest, endpoint: Endpoint = Endpoint(),
        rollout: RolloutSpec = RolloutSpec(),
        dependsOn: [DeploymentKey] = [], suspend: Bool = false, project: String? = nil, written: String? = nil
    ) {
        self.project = project
        self.key = key
        self.labels = labels
        self.template = template
        self.lineage = lineage
        self.target = target
        self.replicas = replicas
        self.scaling = scaling
        self.endpoint = endpoint
        self.rollout = rollout
        self.dependsOn = dependsOn
        self.suspend = suspend
        self.written = written
    }

    /// A record that an older controller kept knows no target: it was local.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        key = try fields.decode(DeploymentKey.self, forKey: .key)
        labels = try fields.decode([String: String].self, forKey: .labels)
        template = try fields.decode(ServingTemplate.self, forKey: .template)
        lineage = try fields.decode([String: String].self, forKey: .lineage)
        target = try fields.decodeIfPresent(Target.self, forKey: .target) ?? .local
        replicas = try fields.decode(Int.self, forKey: .replicas)
        scaling = try fields.decodeIfPresent(Scaling.self, forKey: .scaling) ?? .manifest
        endpoint = try fields.decode(Endpoint.self, forKey: .endpoint)
        rollout = try fields.decode(RolloutSpec.self, forKey: .rollout)
        dependsOn = try fields.decode([DeploymentKey].self, forKey: .dependsOn)
        suspend = try fields.decode(Bool.self, forKey: .suspend)
        project = try fields.decodeIfPresent(String.self, forKey: .project)
        written = try fields.decodeIfPresent(String.self, forKey: .written)
    }

    /// The same without what is only shown.
    public var forDeciding: ModelDeployment {
        var deployment = self
        deployment.written = nil
        return deployment
    }
}

/// Who says how many instances a deployment has.
public enum Scaling: String, CaseIterable, Codable, Sendable {
    /// The manifest's `replicas`.
    case manifest
    /// `replicas: external`: an autoscaler or a person scales what serves. `ModelDeployment.replicas` is then only what a
    /// revision begins with.
    case external
}

/// How requests end whose instance, or revision, is on its way out.
public struct Drain: Hashable, Codable, Sendable {
    /// So long they may go on; nil: as long as the request time-out.
    public var timeout: Duration?
    /// The same for answers that are streamed.
    public var streamTimeout: Duration

    public static let defaultStreamTimeout: Duration = .seconds(600)

    public init(timeout: Duration? = nil, streamTimeout: Duration = Drain.defaultStreamTimeout) {
        self.timeout = timeout
        self.streamTimeout = streamTimeout
    }
}

/// How many requests of the service each instance has at a time, and what becomes of those that are more.
public struct ConcurrencyLimit: Hashable, Codable, Sendable {
    /// Of each instance.
    public var perInstance: Int
    /// So many requests wait for an instance of their revision; what is more gets 503.
    public var queueDepth: Int
    /// So long they wait; then they get 503.
    public var queueTimeout: Duration

    public static let defaultQueueDepth = 100
    public static let defaultQueueTimeout: Duration = .seconds(10)

    public init(
        perInstance: Int, queueDepth: Int = ConcurrencyLimit.defaultQueueDepth,
        queueTimeout: Duration = ConcurrencyLimit.defaultQueueTimeout
    ) {
        self.perInstance = perInstance
        self.queueDepth = queueDepth
        self.queueTimeout = queueTimeout
    }

    /// What each of several proxies keeps to, which know nothing of each other; at least one request at a time.
    public func shared(by proxies: Int) -> ConcurrencyLimit {
        let proxies = max(1, proxies)
        return ConcurrencyLimit(
            perInstance: max(1, perInstance / proxies), queueDepth: (queueDepth + proxies - 1) / proxies,
            queueTimeout: queueTimeout)
    }
}

/// The port at which the service answers, and who decides which revision answers whom.
public struct Endpoint: Hashable, Codable, Sendable {
    /// Local: the loopback port of the service; nil lets mlctl choose one and keep it. In a cluster: the Service's; nil is 80.
    public var port: Int?
    public var routing: Routing
    /// A request that has not been answered by then counts as an error of the instance. For streams, to the first byte.
    public var requestTimeout: Duration
    /// Who has been answered by a revision stays with it, also while weights move: an A/B test.
    public var keepsUsers: Bool
    public var observe: [PredictionObservation]
    public var generate: SyntheticTraffic?
    /// A request may be sent again where an instance gave no answer; nil: by its method and its path.
    public var idempotent: Bool?
    /// Nil: each instance gets what comes.
    public var concurrency: ConcurrencyLimit?
    /// `spec.drain`.
    public var drain: Drain
    /// `spec.rollout.slices`: what the proxy tells apart while two revisions serve.
    public var slices: [TrafficSlice]

    public init(
        port: Int? = nil, routing: Routing = .random, requestTimeout: Duration = .seconds(60),
        keepsUsers: Bool = false, observe: [PredictionObservation] = [], generate: SyntheticTraffic? = nil,
        idempotent: Bool? = nil, concurrency: ConcurrencyLimit? = nil, drain: Drain = Drain(),
        slices: [TrafficSlice] = []
    ) {
        self.slices = slices
        self.idempotent = idempotent
        self.concurrency = concurrency
        self.drain = drain
        self.port = port
        self.routing = routing
        self.requestTimeout = requestTimeout
        self.keepsUsers = keepsUsers
        self.observe = observe
        self.generate = generate
    }
}

extension Endpoint {
    /// Records and plans that an older controller kept know less.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            port: try fields.decodeIfPresent(Int.self, forKey: .port),
            routing: try fields.decode(Routing.self, forKey: .routing),
            requestTimeout: try fields.decode(Duration.self, forKey: .requestTimeout),
            keepsUsers: try fields.decode(Bool.self, forKey: .keepsUsers),
            observe: try fields.decode([PredictionObservation].self, forKey: .observe),
            generate: try fields.decodeIfPresent(SyntheticTraffic.self, forKey: .generate),
            idempotent: try fields.decodeIfPresent(Bool.self, forKey: .idempotent),
            concurrency: try fields.decodeIfPresent(ConcurrencyLimit.self, forKey: .concurrency),
            drain: try fields.decodeIfPresent(Drain.self, forKey: .drain) ?? Drain(),
            slices: try fields.decodeIfPresent([TrafficSlice].self, forKey: .slices) ?? [])
    }

    /// How long a request may go on once its instance or revision is on its way out.
    public var drainTimeout: Duration { drain.timeout ?? requestTimeout }
}

/// What is randomised: requests, or the keys (users) that a header or a cookie carries.
public enum Routing: Hashable, Codable, Sendable {
    case random
    case stickyHeader(String)
    case stickyCookie(String)
    /// Somebody else assigns: the candidate answers those whose header, or cookie, has this value, while it has a weight.
    case matchHeader(String, value: String)
    case matchCookie(String, value: String)

    /// Users are told apart by a key of theirs, and each is placed by it.
    public var isSticky: Bool {
        switch self {
        case .stickyHeader, .stickyCookie: true
        case .random, .matchHeader, .matchCookie: false
        }
    }
}
