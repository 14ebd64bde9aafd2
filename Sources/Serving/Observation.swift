import ModelManifests

/// What a backend sees of one deployment, now.
public struct Observation: Hashable, Codable, Sendable {
    public var instances: [InstanceObservation]
    /// Where the service answers; nil while the endpoint is not open.
    public var endpoint: String?
    /// Why the endpoint is not open, and what to do: its port is taken by another program, say. Nil while it is open, and
    /// where the reason is not known.
    public var endpointProblem: String?
    /// Where the candidate can be tried; nil where it cannot, or not yet.
    public var preview: String?
    /// The weights that the data plane routes by; nil where it could not be asked.
    public var weights: [Revision: Int]?
    /// The shares that the data plane copies; nil where it could not be asked.
    public var mirrors: [Revision: Int]?
    /// The last plan that was applied, where the backend keeps it: what a controller that lost its record goes by.
    public var plan: ServingPlan?
    /// What is wrong and what to do, for the status. Nothing here stops what serves.
    public var problems: [String]
    /// How many instances somebody else wants of a revision, where `replicas: external` hands that over.
    public var wantedReplicas: [Revision: Int]
    /// Since the data plane began to count: requests that were cut off because they outlived their drain.
    public var cutRequests: Int
    /// Since the data plane began to count: connections that no instance took.
    public var refusedConnections: Int

    public init(
        instances: [InstanceObservation] = [], endpoint: String? = nil, endpointProblem: String? = nil,
        preview: String? = nil, weights: [Revision: Int]? = nil, mirrors: [Revision: Int]? = nil,
        plan: ServingPlan? = nil, problems: [String] = [], wantedReplicas: [Revision: Int] = [:],
        cutRequests: Int = 0, refusedConnections: Int = 0
    ) {
        self.instances = instances
        self.endpoint = endpoint
        self.endpointProblem = endpointProblem
        self.wantedReplicas = wantedReplicas
        self.cutRequests = cutRequests
        self.refusedConnections = refusedConnections
        self.preview = preview
        self.weights = weights
        self.mirrors = mirrors
        self.plan = plan
        self.problems = problems
    }

    public func ready(_ revision: Revision) -> Int {
        instances.count { $0.revision == revision && $0.condition == .ready }
    }
}

/// One running model server.
public struct InstanceObservation: Hashable, Codable, Sendable {
    public enum Condition: String, Codable, Sendable {
        /// Files are being fetched and verified.
        case fetching
        /// The machine or the cluster, not the model, keeps it from starting: its program is not there, a download failed,
        /// there is no memory or no file descriptor. Tried again and again with a growing delay; `reason` says why.
        case blocked
        /// The process runs; its start-up and readiness probes, then its warm-up, are still to be answered.
        case starting
        case ready
        /// Was ready; its probe fails now. It gets no traffic.
        case unready
        /// Gets no new requests, finishes those it has, and stops.
        case draining
        /// Ended again and again: started anew with a growing delay.
        case crashLooping
        /// Will not be started again: its command does not exist, its files do not match their digest.
        case failed
    }

    public var id: String
    public var revision: Revision
    public var condition: Condition
    public var restarts: Int
    /// The data plane has taken it out of rotation for now; nil where it could not be asked.
    public var isEjected: Bool?
    /// What is wrong and what to do; nil while all is well.
    public var reason: String?
    /// `host:port` of each named port; the one that serves, under the empty name too.
    public var addresses: [String: String]
    /// Where its model's files are; nil where it has none, or they are not on this machine.
    public var modelFolder: String?

    public init(
        id: String, revision: Revision, condition: Condition, restarts: Int = 0, isEjected: Bool? = nil,
        reason: String? = nil, addresses: [String: String] = [:], modelFolder: String? = nil
    ) {
        self.isEjected = isEjected
        self.id = id
        self.revision = revision
        self.condition = condition
        self.restarts = restarts
        self.reason = reason
        self.addresses = addresses
        self.modelFolder = modelFolder
    }
}
