import ModelManifests

/// What the proxy tells the controller.
public struct ProxyReport: Hashable, Codable, Sendable {
    /// New with every start of the proxy: its counters start again.
    public var epoch: String
    public var generation: Int
    public var endpoints: [EndpointReport]
    /// Ports at which one revision can be tried.
    public var previews: [EndpointReport]
    public var instances: [InstanceReport]
    /// What each deployment's requests really do; nil of a proxy that is too old to say.
    public var routes: [RouteReport]?
    /// Routes, or parts of them, that are not followed.
    public var refused: [RouteRefusal]
    /// Requests that were meant for a revision and that none of its instances could take. In every epoch.
    public var unavailable: [UnavailableReport]
    /// Of sticky routes. In every epoch.
    public var users: [UserReport]
    /// Of every revision in the routes. In every epoch.
    public var splits: [SplitReport]

    public init(
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

    /// A proxy that was started before its controller was upgraded knows less.
    public init(from decoder: any Decoder) throws {
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
public struct EndpointReport: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    /// Where it answers, or is to answer.
    public var port: Int
    public var listening: Bool
    /// Why the port that the route asks for is not open: it is in use, say. Where the endpoint is `listening` all the same,
    /// it still answers at the port that it had before.
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
    /// Taken out of rotation for now, after failures to connect, or as an outlier.
    public var ejected: Bool
    /// New requests may go to it. False also of a proxy that is too old to say.
    public var isListed: Bool
    /// Ids of the last failing requests, at most 20, newest last.
    public var failedRequestIds: [String]
    /// Why it is out of rotation where it serves much worse than its siblings; nil where it does not.
    public var outlier: OutlierCause?

    public init(
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

    public init(from decoder: any Decoder) throws {
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

/// How one instance serves worse than its siblings of the same revision: a bad instance, not a bad model.
public enum OutlierCause: String, Hashable, Codable, Sendable {
    case failing, slow

    public var described: String {
        switch self {
        case .failing: "its answers failed while those of its siblings did not"
        case .slow: "its answers were much slower than those of its siblings"
        }
    }
}

/// What one deployment's requests do.
public struct RouteReport: Hashable, Codable, Sendable {
    /// What reaches one revision, in per cent.
    public struct Share: Hashable, Codable, Sendable {
        public var revision: Revision
        /// Of the requests, now: a revision without an instance has none of them, whatever its weight.
        public var percent: Int
        /// Of the requests of others, as copies.
        public var mirror: Int

        public init(revision: Revision, percent: Int, mirror: Int = 0) {
            self.revision = revision
            self.percent = percent
            self.mirror = mirror
        }
    }

    public var deployment: DeploymentKey
    public var shares: [Share]
    /// In this epoch: requests that were cut off because they outlived their drain. No revision is blamed for them.
    public var cutRequests: Int
    /// In this epoch: connections over a limit, and requests that no instance accepted.
    public var refusedConnections: Int
    /// Nil where nobody waits for instances, and of a proxy that is too old to say.
    public var queues: [QueueReport]?

    public init(
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

/// Requests that wait for an instance of one revision, where each has so many at a time.
public struct QueueReport: Hashable, Codable, Sendable {
    public var revision: Revision
    /// Now.
    public var waiting: Int
    /// In this epoch: requests that were turned away because too many waited, or they themselves for too long. No revision
    /// is blamed for them.
    public var refused: Int

    public init(revision: Revision, waiting: Int, refused: Int) {
        self.revision = revision
        self.waiting = waiting
        self.refused = refused
    }
}

/// What of one route is not followed. The rest of it is, and so are all other routes.
public struct RouteRefusal: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    /// Why, and what is done instead.
    public var reasons: [String]

    public init(deployment: DeploymentKey, reasons: [String]) {
        self.deployment = deployment
        self.reasons = reasons
    }
}

/// Requests of users that were meant for a revision by weight, user or match. They were served by another revision, or
/// by none.
public struct UnavailableReport: Hashable, Codable, Sendable {
    public var deployment: DeploymentKey
    public var revision: Revision
    public var requests: Int
    /// As `RequestCounters.errorsTogether`; nil where the proxy cannot tell.
    public var together: Int?
    /// By the slice's label, of slices whose value a request's head has; nil where there were none, and from a proxy that
    /// cannot tell.
    public var slices: [String: Int]?

    public init(
        deployment: DeploymentKey, revision: Revision, requests: Int, together: Int? = nil, slices: [String: Int]? = nil
    ) {
        self.slices = slices
        self.deployment = deployment
        self.revision = revision
        self.requests = requests
        self.together = together
    }
}
