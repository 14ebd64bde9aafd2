/// The desired state of one model service: a ModelDeployment with references resolved and defaults filled in.
package struct ModelDeployment: Hashable, Codable, Sendable {
    package var key: DeploymentKey
    package var labels: [String: String]
    package var template: ServingTemplate
    /// Part of the audit trail, never of the revision.
    package var lineage: [String: String]
    package var target: Target
    package var replicas: Int
    /// Who sets the number of instances.
    package var scaling: Scaling
    package var endpoint: Endpoint
    package var rollout: RolloutSpec
    package var dependsOn: [DeploymentKey]
    /// Keeps everything as it is, whatever git says.
    package var suspend: Bool
    /// The project of the manifest; nil where the controller has only one project, which has no name.
    package var project: String?
    /// `spec` as it is in git, as canonical JSON, for a target that shows it to others; nil for other targets. Decisions never
    /// depend on it: see `forDeciding`.
    package var written: String?
    /// Where its manifest is; nil where that is not recorded. Decisions never depend on it.
    package var origin: ManifestOrigin?

    package init(
        key: DeploymentKey, labels: [String: String] = [:], template: ServingTemplate, lineage: [String: String] = [:],
        target: Target = .local, replicas: Int = 1, scaling: Scaling = .manifest, endpoint: Endpoint = Endpoint(),
        rollout: RolloutSpec = RolloutSpec(),
        dependsOn: [DeploymentKey] = [], suspend: Bool = false, project: String? = nil, written: String? = nil,
        origin: ManifestOrigin? = nil
    ) {
        self.project = project
        self.origin = origin
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

    /// A record that an older controller wrote has no target: it was local.
    package init(from decoder: any Decoder) throws {
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
        origin = try fields.decodeIfPresent(ManifestOrigin.self, forKey: .origin)
    }

    /// The deployment without the fields that are only shown.
    package var forDeciding: ModelDeployment {
        var deployment = self
        deployment.written = nil
        return deployment
    }
}

/// Where a manifest was read. It is part of a deployment's record, so that after a restart a changed setting of its project is told
/// from a change in git.
package struct ManifestOrigin: Hashable, Codable, Sendable {
    /// Without credentials.
    package var repo: String
    /// A branch, tag, version range or commit.
    package var reference: String
    /// The path within the repository.
    package var file: String

    package init(repo: String, reference: String, file: String) {
        (self.repo, self.reference, self.file) = (repo, reference, file)
    }

    /// Whether a project that reads `path` of the repository reads the file.
    package static func isBelow(_ path: String, _ file: String) -> Bool {
        let parts = path.utf8.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
        let own = file.utf8.split(separator: UInt8(ascii: "/"))
        return own.count >= parts.count && zip(parts, own).allSatisfy { $0.elementsEqual($1) }
    }
}

/// Who sets the number of instances of a deployment.
package enum Scaling: String, CaseIterable, Codable, Sendable {
    /// The manifest's `replicas`.
    case manifest
    /// `replicas: external`: an autoscaler or a person sets the number. Then `ModelDeployment.replicas` is only the number that a
    /// revision starts with.
    case external
}

/// How long running requests may continue when their instance or revision stops.
package struct Drain: Hashable, Codable, Sendable {
    /// The time for a request; nil means the request timeout.
    package var timeout: Duration?
    /// The time for a streamed answer.
    package var streamTimeout: Duration

    package static let defaultStreamTimeout: Duration = .seconds(600)

    package init(timeout: Duration? = nil, streamTimeout: Duration = Drain.defaultStreamTimeout) {
        self.timeout = timeout
        self.streamTimeout = streamTimeout
    }
}

/// The most requests that each instance gets at a time, and the queue for further requests.
package struct ConcurrencyLimit: Hashable, Codable, Sendable {
    /// The limit of each instance.
    package var perInstance: Int
    /// The most requests that wait for an instance of their revision; more get 503.
    package var queueDepth: Int
    /// How long a request waits before it gets 503.
    package var queueTimeout: Duration

    package static let defaultQueueDepth = 100
    package static let defaultQueueTimeout: Duration = .seconds(10)

    package init(
        perInstance: Int, queueDepth: Int = ConcurrencyLimit.defaultQueueDepth,
        queueTimeout: Duration = ConcurrencyLimit.defaultQueueTimeout
    ) {
        self.perInstance = perInstance
        self.queueDepth = queueDepth
        self.queueTimeout = queueTimeout
    }

    /// The limit for each of several proxies, which do not know each other's load. It is at least one request at a time.
    package func shared(by proxies: Int) -> ConcurrencyLimit {
        let proxies = max(1, proxies)
        return ConcurrencyLimit(
            perInstance: max(1, perInstance / proxies), queueDepth: (queueDepth + proxies - 1) / proxies,
            queueTimeout: queueTimeout)
    }
}

/// The port at which the service answers, and how requests are assigned to revisions.
package struct Endpoint: Hashable, Codable, Sendable {
    /// On one machine: the loopback port of the service; nil lets mlctl choose one and keep it. In a cluster: the Service's port;
    /// nil means 80.
    package var port: Int?
    package var routing: Routing
    /// A request without an answer after this time counts as an error of the instance. For streams: the time to the first byte.
    package var requestTimeout: Duration
    /// Users stay with the revision that answered them first, even while weights change: an A/B test.
    package var keepsUsers: Bool
    package var observe: [PredictionObservation]
    package var generate: SyntheticTraffic?
    /// A request may be sent again where an instance gave no answer; nil decides by its method and path.
    package var idempotent: Bool?
    /// Nil means no limit.
    package var concurrency: ConcurrencyLimit?
    /// `spec.drain`.
    package var drain: Drain
    /// `spec.rollout.slices`: the slices that the proxy counts separately while two revisions serve.
    package var slices: [TrafficSlice]
    /// On one machine: the IP address that the service listens on; nil means the loopback.
    package var address: String?
    /// On one machine: nil means that the service answers without TLS.
    package var tls: EndpointTLS?

    package init(
        port: Int? = nil, routing: Routing = .random, requestTimeout: Duration = .seconds(60),
        keepsUsers: Bool = false, observe: [PredictionObservation] = [], generate: SyntheticTraffic? = nil,
        idempotent: Bool? = nil, concurrency: ConcurrencyLimit? = nil, drain: Drain = Drain(),
        slices: [TrafficSlice] = [], address: String? = nil, tls: EndpointTLS? = nil
    ) {
        self.slices = slices
        self.address = address
        self.tls = tls
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
    /// Records and plans that an older controller wrote lack some fields.
    package init(from decoder: any Decoder) throws {
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
            slices: try fields.decodeIfPresent([TrafficSlice].self, forKey: .slices) ?? [],
            address: try fields.decodeIfPresent(String.self, forKey: .address),
            tls: try fields.decodeIfPresent(EndpointTLS.self, forKey: .tls))
    }

    /// How long a request may continue after its instance or revision begins to stop.
    package var drainTimeout: Duration { drain.timeout ?? requestTimeout }
}

/// What is assigned to revisions at random: requests, or keys (users) that a header or a cookie carries.
package enum Routing: Hashable, Codable, Sendable {
    case random
    case stickyHeader(String)
    case stickyCookie(String)
    /// Somebody else assigns: while the candidate has a weight, it answers requests whose header or cookie has this value.
    case matchHeader(String, value: String)
    case matchCookie(String, value: String)

    /// Users are told apart by a key, which decides their revision.
    package var isSticky: Bool {
        switch self {
        case .stickyHeader, .stickyCookie: true
        case .random, .matchHeader, .matchCookie: false
        }
    }
}
