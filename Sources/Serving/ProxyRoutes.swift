import ModelManifests

/// The complete configuration of the traffic proxy. It is replaced as a whole and never edited.
package struct ProxyRoutes: Hashable, Codable, Sendable {
    /// Rises with every replacement. The proxy reports which generation it follows.
    package var generation: Int
    package var routes: [ProxyRoute]
    /// Ports that no route may use, for example the controller's own.
    package var reservedPorts: [ReservedPort]

    package init(generation: Int = 0, routes: [ProxyRoute] = [], reservedPorts: [ReservedPort] = []) {
        self.generation = generation
        self.routes = routes
        self.reservedPorts = reservedPorts
    }

    /// An older controller reserves no ports.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        generation = try fields.decode(Int.self, forKey: .generation)
        routes = try fields.decode([ProxyRoute].self, forKey: .routes)
        reservedPorts = try fields.decodeIfPresent([ReservedPort].self, forKey: .reservedPorts) ?? []
    }
}

/// A port that is in use for another purpose.
package struct ReservedPort: Hashable, Codable, Sendable {
    package var port: Int
    /// The purpose, as it appears in messages: "the controller's API".
    package var use: String

    package init(port: Int, use: String) {
        self.port = port
        self.use = use
    }
}

/// One deployment's endpoint.
package struct ProxyRoute: Hashable, Codable, Sendable {
    package var deployment: DeploymentKey
    /// The port that the proxy listens on: on the loopback of one machine, or in the proxy's pod in a cluster.
    package var port: Int
    package var routing: Routing
    package var requestTimeout: Duration
    /// How long a request may continue after its instance or revision has left the routes.
    package var drainTimeout: Duration
    /// The same for a streamed answer that has begun.
    package var streamTimeout: Duration
    /// Weights in percent. They sum to 100, or are all 0 if no revision may answer yet. The weight decides which
    /// revision a request is meant for, even if that revision has no instance. In that case another revision answers,
    /// and the proxy counts the request as unavailable.
    package var revisions: [RevisionRoute]
    /// Whether users stay with the revision that answered them, as long as that revision has a weight.
    package var keepsUsers: Bool
    package var observe: [PredictionObservation]
    /// The observations with automatic buckets, in a list of their own: an older proxy could not read one list with
    /// both.
    package var observeAutomatic: [PredictionObservation]
    /// How a shadow's answers are compared with the answers that users get.
    package var comparison: ShadowComparison
    package var generate: SyntheticRoute?
    /// Whether repeating a request has no further effect, so that a request without an answer is sent again. Nil: its
    /// method and path decide.
    package var idempotent: Bool?
    /// How many requests each instance gets at a time, and how many may wait. Nil: no limit.
    package var concurrency: ConcurrencyLimit?
    /// For a sticky route that several proxies serve. Nil: every user's first request counts at this proxy.
    package var evidence: EvidenceAssignment?
    /// The slices that are counted while there are two revisions. Nil: none.
    package var slices: [TrafficSlice]?
    /// The IP address that the endpoint listens on. Nil: the proxy's own.
    package var address: String?
    /// Nil: without TLS.
    package var tls: EndpointTLS?

    package init(
        deployment: DeploymentKey, port: Int, routing: Routing = .random, requestTimeout: Duration = .seconds(60),
        drainTimeout: Duration? = nil, streamTimeout: Duration = Drain.defaultStreamTimeout,
        revisions: [RevisionRoute] = [], keepsUsers: Bool = false, observe: [PredictionObservation] = [],
        comparison: ShadowComparison = ShadowComparison(), generate: SyntheticRoute? = nil, idempotent: Bool? = nil,
        concurrency: ConcurrencyLimit? = nil, slices: [TrafficSlice] = [], address: String? = nil,
        tls: EndpointTLS? = nil
    ) {
        self.address = address
        self.tls = tls
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

    /// Routes that an older controller wrote have fewer fields.
    package init(from decoder: any Decoder) throws {
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
        evidence = try fields.decodeIfPresent(EvidenceAssignment.self, forKey: .evidence)
        idempotent = try fields.decodeIfPresent(Bool.self, forKey: .idempotent)
        concurrency = try fields.decodeIfPresent(ConcurrencyLimit.self, forKey: .concurrency)
        slices = try fields.decodeIfPresent([TrafficSlice].self, forKey: .slices)
        address = try fields.decodeIfPresent(String.self, forKey: .address)
        tls = try fields.decodeIfPresent(EndpointTLS.self, forKey: .tls)
    }
}

extension ProxyRoute {
    package var observations: [PredictionObservation] { observe + observeAutomatic }
}

/// Recorded requests, which are sent in turn to every revision that has instances.
package struct SyntheticRoute: Hashable, Codable, Sendable {
    /// The rate for all revisions together.
    package var ratePerSecond: Double
    /// The absolute path of the file.
    package var file: String
    /// The path to which lines without their own path are posted.
    package var path: String?

    package init(ratePerSecond: Double, file: String, path: String? = nil) {
        self.ratePerSecond = ratePerSecond
        self.file = file
        self.path = path
    }
}

package struct RevisionRoute: Hashable, Codable, Sendable {
    package var revision: Revision
    package var weight: Int
    /// Instances that may get new requests. An instance that is removed from this list finishes the requests that it
    /// has.
    package var upstreams: [Upstream]
    /// Percent of the deployment's requests that are copied to this revision. The answers are compared and discarded.
    package var mirror: Int
    /// A loopback port at which only this revision answers. Requests there are not evidence.
    package var previewPort: Int?

    package init(
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
package struct Upstream: Hashable, Codable, Sendable {
    package static let loopback = "127.0.0.1"

    package var instance: String
    /// An IP address.
    package var host: String
    package var port: Int
    /// The port at which it speaks HTTP/2 without TLS, for gRPC calls. If it is `port`, all requests are sent by HTTP/2.
    package var rpcPort: Int?

    package init(instance: String, host: String = Upstream.loopback, port: Int, rpcPort: Int? = nil) {
        self.instance = instance
        self.host = host
        self.port = port
        self.rpcPort = rpcPort
    }

    /// Routes that an older controller wrote have no host: all their instances are on the loopback.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        instance = try fields.decode(String.self, forKey: .instance)
        host = try fields.decodeIfPresent(String.self, forKey: .host) ?? Self.loopback
        port = try fields.decode(Int.self, forKey: .port)
        rpcPort = try fields.decodeIfPresent(Int.self, forKey: .rpcPort)
    }
}
