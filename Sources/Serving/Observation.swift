import ModelManifests

/// What a backend sees of one deployment, now.
public struct Observation: Hashable, Codable, Sendable {
    public var instances: [InstanceObservation]
    /// Where the service answers; nil while the endpoint is not open.
    public var endpoint: String?
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

    public init(
        instances: [InstanceObservation] = [], endpoint: String? = nil, preview: String? = nil,
        weights: [Revision: Int]? = nil, mirrors: [Revision: Int]? = nil, plan: ServingPlan? = nil,
        problems: [String] = []
    ) {
        self.instances = instances
        self.endpoint = endpoint
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
    /// What is wrong and what to do; nil while all is well.
    public var reason: String?
    /// `host:port` of each named port; the one that serves, under the empty name too.
    public var addresses: [String: String]
    /// Where its model's files are; nil where it has none, or they are not on this machine.
    public var modelFolder: String?

    public init(
        id: String, revision: Revision, condition: Condition, restarts: Int = 0, reason: String? = nil,
        addresses: [String: String] = [:], modelFolder: String? = nil
    ) {
        self.id = id
        self.revision = revision
        self.condition = condition
        self.restarts = restarts
        self.reason = reason
        self.addresses = addresses
        self.modelFolder = modelFolder
    }
}
