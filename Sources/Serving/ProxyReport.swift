import ModelManifests

/// What the proxy reports to the controller.
package struct ProxyReport: Hashable, Codable, Sendable {
    /// Changes with every start of the proxy, when its counters start at zero.
    package var epoch: String
    package var generation: Int
    package var endpoints: [EndpointReport]
    /// Ports at which a single revision can be tried.
    package var previews: [EndpointReport]
    package var instances: [InstanceReport]
    /// The shares of each deployment's requests as they are served. Nil from a proxy that is too old to report them.
    package var routes: [RouteReport]?
    /// Routes, or parts of routes, that the proxy does not follow.
    package var refused: [RouteRefusal]
    /// Requests that were meant for a revision and that none of its instances could take. Counted since the proxy
    /// started.
    package var unavailable: [UnavailableReport]
    /// Users of sticky routes. Counted since the proxy started.
    package var users: [UserReport]
    /// The split of requests, for every revision in the routes. Counted since the proxy started.
    package var splits: [SplitReport]

    package init(
        epoch: String, generation: Int, endpoints: [EndpointReport] = [], previews: [EndpointReport] = [],
        instances: [InstanceReport] = [], routes: [RouteReport]? = nil, refused: [RouteRefusal] = [],
        unavailable: [UnavailableReport] = [], users: [UserReport] = [], splits: [SplitReport] = []
    ) {
        self.epoch = epoch
        self.generation = generation
        self.endpoints = endpoints
        self.previews = previews
        self.instances = instances
        self.routes = routes
        self.refused = refused
        self.unavailable = unavailable
        self.users = users
        self.splits = splits
    }

    /// A proxy that is older than its controller reports fewer fields.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        epoch = try fields.decode(String.self, forKey: .epoch)
        generation = try fields.decode(Int.self, forKey: .generation)
        endpoints = try fields.decode([EndpointReport].self, forKey: .endpoints)
        previews = try fields.decodeIfPresent([EndpointReport].self, forKey: .previews) ?? []
        instances = try fields.decode([InstanceReport].self, forKey: .instances)
        routes = try fields.decodeIfPresent([RouteReport].self, forKey: .routes)
        refused = try fields.decodeIfPresent([RouteRefusal].self, forKey: .refused) ?? []
        unavailable = try fields.decodeIfPresent([UnavailableReport].self, forKey: .unavailable) ?? []
        users = try fields.decodeIfPresent([UserReport].self, forKey: .users) ?? []
        splits = try fields.decodeIfPresent([SplitReport].self, forKey: .splits) ?? []
    }
}

/// One port, and whether it is open.
package struct EndpointReport: Hashable, Codable, Sendable {
    package var deployment: DeploymentKey
    /// The port that answers, or should answer.
    package var port: Int
    package var listening: Bool
    /// Why the port that the route asks for is not open, for example because it is in use. If `listening` is true all
    /// the same, the endpoint still answers at its previous port.
    package var error: String?
    /// Other parts of the route that cannot be followed, and what to do, for example that no recorded requests are
    /// sent.
    package var problems: [String]
    /// Why the endpoint accepts no connection although its port is free: it has no usable certificate.
    package var certificateProblem: String?

    package init(
        deployment: DeploymentKey, port: Int, listening: Bool, error: String? = nil, problems: [String] = [],
        certificateProblem: String? = nil
    ) {
        self.certificateProblem = certificateProblem
        self.deployment = deployment
        self.port = port
        self.listening = listening
        self.error = error
        self.problems = problems
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        deployment = try fields.decode(DeploymentKey.self, forKey: .deployment)
        port = try fields.decode(Int.self, forKey: .port)
        listening = try fields.decode(Bool.self, forKey: .listening)
        error = try fields.decodeIfPresent(String.self, forKey: .error)
        problems = try fields.decodeIfPresent([String].self, forKey: .problems) ?? []
        certificateProblem = try fields.decodeIfPresent(String.self, forKey: .certificateProblem)
    }
}

package struct InstanceReport: Hashable, Codable, Sendable {
    package var deployment: DeploymentKey
    package var revision: Revision
    package var instance: String
    package var counters: RequestCounters
    /// Requests in flight.
    package var inFlight: Int
    /// Out of rotation for now, after failed connections or as an outlier.
    package var ejected: Bool
    /// True if it may get new requests. Also false from a proxy that is too old to report it.
    package var isListed: Bool
    /// Ids of the last failed requests, at most 20, newest last.
    package var failedRequestIds: [String]
    /// Why it is out of rotation, if it serves much worse than its siblings; otherwise nil.
    package var outlier: OutlierCause?

    package init(
        deployment: DeploymentKey, revision: Revision, instance: String, counters: RequestCounters, inFlight: Int = 0,
        ejected: Bool = false, isListed: Bool = false, failedRequestIds: [String] = [], outlier: OutlierCause? = nil
    ) {
        self.deployment = deployment
        self.revision = revision
        self.instance = instance
        self.counters = counters
        self.inFlight = inFlight
        self.ejected = ejected
        self.isListed = isListed
        self.failedRequestIds = failedRequestIds
        self.outlier = outlier
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        deployment = try fields.decode(DeploymentKey.self, forKey: .deployment)
        revision = try fields.decode(Revision.self, forKey: .revision)
        instance = try fields.decode(String.self, forKey: .instance)
        counters = try fields.decode(RequestCounters.self, forKey: .counters)
        inFlight = try fields.decode(Int.self, forKey: .inFlight)
        ejected = try fields.decode(Bool.self, forKey: .ejected)
        isListed = try fields.decodeIfPresent(Bool.self, forKey: .isListed) ?? false
        failedRequestIds = try fields.decode([String].self, forKey: .failedRequestIds)
        outlier = try fields.decodeIfPresent(OutlierCause.self, forKey: .outlier)
    }
}

/// How one instance serves worse than its siblings of the same revision. The instance is bad, not the model.
package enum OutlierCause: String, Hashable, Codable, Sendable {
    case failing, slow

    package var described: String {
        switch self {
        case .failing: "its answers failed while those of its siblings did not"
        case .slow: "its answers were much slower than those of its siblings"
        }
    }
}

/// How one deployment's requests are served.
package struct RouteReport: Hashable, Codable, Sendable {
    /// The share of requests that reaches one revision, in percent.
    package struct Share: Hashable, Codable, Sendable {
        package var revision: Revision
        /// Its share of the users' requests, now. A revision without an instance gets none, whatever its weight.
        package var percent: Int
        /// Its share of copies of other revisions' requests.
        package var mirror: Int

        package init(revision: Revision, percent: Int, mirror: Int = 0) {
            self.revision = revision
            self.percent = percent
            self.mirror = mirror
        }
    }

    package var deployment: DeploymentKey
    package var shares: [Share]
    /// Requests that were cut off because they outlived their drain, in this epoch. They count as errors of no
    /// revision.
    package var cutRequests: Int
    /// Connections over a limit, and requests that no instance accepted, in this epoch.
    package var refusedConnections: Int
    /// Nil if no request has to wait for an instance, and from a proxy that is too old to report it.
    package var queues: [QueueReport]?

    package init(
        deployment: DeploymentKey, shares: [Share], cutRequests: Int = 0, refusedConnections: Int = 0,
        queues: [QueueReport]? = nil
    ) {
        self.queues = queues
        self.deployment = deployment
        self.shares = shares
        self.cutRequests = cutRequests
        self.refusedConnections = refusedConnections
    }
}

/// Requests that wait for an instance of one revision, if the number of requests in flight at each instance is limited.
package struct QueueReport: Hashable, Codable, Sendable {
    package var revision: Revision
    /// Requests that wait now.
    package var waiting: Int
    /// Requests that were refused because the queue was full or they waited too long, in this epoch. They count as
    /// errors of no revision.
    package var refused: Int

    package init(revision: Revision, waiting: Int, refused: Int) {
        self.revision = revision
        self.waiting = waiting
        self.refused = refused
    }
}

/// The parts of one route that the proxy does not follow. It follows the rest of the route, and all other routes.
package struct RouteRefusal: Hashable, Codable, Sendable {
    package var deployment: DeploymentKey
    /// Why each part is not followed, and what the proxy does instead.
    package var reasons: [String]

    package init(deployment: DeploymentKey, reasons: [String]) {
        self.deployment = deployment
        self.reasons = reasons
    }
}

/// Users' requests that were meant for a revision by weight, user or match, but were served by another revision or by
/// none.
package struct UnavailableReport: Hashable, Codable, Sendable {
    package var deployment: DeploymentKey
    package var revision: Revision
    package var requests: Int
    /// As `RequestCounters.errorsTogether`. Nil if the proxy cannot tell.
    package var together: Int?
    /// By the slice's label, of slices whose value a request's head has; nil where there were none, and from a proxy that
    /// cannot tell.
    package var slices: [String: Int]?

    package init(
        deployment: DeploymentKey, revision: Revision, requests: Int, together: Int? = nil, slices: [String: Int]? = nil
    ) {
        self.slices = slices
        self.deployment = deployment
        self.revision = revision
        self.requests = requests
        self.together = together
    }
}
