import Foundation
import ModelManifests

/// What a backend observes of one deployment, now.
package struct Observation: Hashable, Codable, Sendable {
    package var instances: [InstanceObservation]
    /// Where the service answers. Nil while the endpoint is not open.
    package var endpoint: String?
    /// Why the endpoint is not open, and what to do, for example that another program uses its port. Nil while it is
    /// open, and if the reason is not known.
    package var endpointProblem: String?
    /// Whether the endpoint is closed because another program uses its port, which does not change by itself.
    package var isEndpointPortTaken: Bool
    /// Where the candidate can be tried. Nil if it cannot be tried, or not yet.
    package var preview: String?
    /// The weights that the data plane uses. Nil if it could not be asked.
    package var weights: [Revision: Int]?
    /// The shares of requests that the data plane copies, in percent. Nil if it could not be asked.
    package var mirrors: [Revision: Int]?
    /// The last plan that was applied, if the backend keeps it. A controller that lost its record uses it.
    package var plan: ServingPlan?
    /// Problems and what to do, for the status. None of them stops the instances that serve.
    package var problems: [String]
    /// With `replicas: external`: the number of instances that another controller wants for each revision.
    package var wantedReplicas: [Revision: Int]
    /// Requests that were cut off because they outlived their drain, since the data plane began to count.
    package var cutRequests: Int
    /// Connections that no instance accepted, since the data plane began to count.
    package var refusedConnections: Int

    package init(
        instances: [InstanceObservation] = [], endpoint: String? = nil, endpointProblem: String? = nil,
        isEndpointPortTaken: Bool = false, preview: String? = nil, weights: [Revision: Int]? = nil,
        mirrors: [Revision: Int]? = nil,
        plan: ServingPlan? = nil, problems: [String] = [], wantedReplicas: [Revision: Int] = [:],
        cutRequests: Int = 0, refusedConnections: Int = 0
    ) {
        self.instances = instances
        self.endpoint = endpoint
        self.endpointProblem = endpointProblem
        self.isEndpointPortTaken = isEndpointPortTaken
        self.wantedReplicas = wantedReplicas
        self.cutRequests = cutRequests
        self.refusedConnections = refusedConnections
        self.preview = preview
        self.weights = weights
        self.mirrors = mirrors
        self.plan = plan
        self.problems = problems
    }

    package func ready(_ revision: Revision) -> Int {
        instances.count { $0.revision == revision && $0.condition == .ready }
    }
}

/// One running model server.
package struct InstanceObservation: Hashable, Codable, Sendable {
    package enum Condition: String, Codable, Sendable {
        /// Files are being fetched and verified.
        case fetching
        /// The machine or the cluster, not the model, prevents the start: the program is missing, a download failed, or
        /// there is no memory or no file descriptor. The start is retried with a growing delay; `reason` says why it
        /// failed.
        case blocked
        /// The process runs. Its start-up and readiness probes, and then its warm-up, have not succeeded yet.
        case starting
        case ready
        /// It was ready, and its probe fails now. It gets no traffic.
        case unready
        /// It gets no new requests, finishes those that it has, and stops.
        case draining
        /// It ended repeatedly, and is restarted with a growing delay.
        case crashLooping
        /// It is not started again: its command does not exist.
        case failed
    }

    /// Why its model's files are not there yet, and when they are tried again.
    package struct FetchFailure: Hashable, Codable, Sendable {
        package var reason: String
        package var attempts: Int
        package var nextAt: Date
        /// Trying again cannot help: the manifest or the files have to change, for example because the digest is another one.
        package var needsChange: Bool

        package init(reason: String, attempts: Int, nextAt: Date, needsChange: Bool) {
            self.reason = reason
            self.attempts = attempts
            self.nextAt = nextAt
            self.needsChange = needsChange
        }
    }

    package var id: String
    package var revision: Revision
    package var condition: Condition
    package var restarts: Int
    /// The data plane has taken it out of rotation for now; nil where it could not be asked.
    package var isEjected: Bool?
    /// What is wrong and what to do; nil while all is well.
    package var reason: String?
    /// The last attempt to fetch its model's files failed; nil if none did, or if that is not known.
    package var fetchFailure: FetchFailure?
    /// `host:port` of each named port. The port that serves requests is also listed under the empty name.
    package var addresses: [String: String]
    /// The folder of its model's files. Nil if there is none, or if the files are not on this machine.
    package var modelFolder: String?

    package init(
        id: String, revision: Revision, condition: Condition, restarts: Int = 0, isEjected: Bool? = nil,
        reason: String? = nil, fetchFailure: FetchFailure? = nil, addresses: [String: String] = [:],
        modelFolder: String? = nil
    ) {
        self.fetchFailure = fetchFailure
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

/// One line of what a model server printed.
package struct LogLine: Hashable, Codable, Sendable {
    package var revision: Revision
    package var instance: String
    package var text: String

    package init(revision: Revision, instance: String, text: String) {
        self.revision = revision
        self.instance = instance
        self.text = text
    }
}
