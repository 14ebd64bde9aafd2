import ModelManifests
import SafeText
import Serving

/// All traffic counters at one moment. `TrafficSnapshot+Text` formats them for Prometheus.
///
/// `/report` has the gates' evidence. This has every request, including repeated requests of a sticky user.
struct TrafficSnapshot: Sendable {
    struct Weight: Sendable {
        var deployment: DeploymentKey
        var revision: Revision
        var percent: Int
    }

    struct Route: Sendable {
        var deployment: DeploymentKey
        /// Nil if it is not an A/B test.
        var keptUsers: Int?
        var unkeptRequests: Int?
        /// Nil if no recorded requests are sent.
        var syntheticDropped: Int?
        var cutRequests = 0
        var refusedConnections = 0
        /// Queues of revisions with a concurrency limit.
        var queues: [QueueReport] = []
        /// The number of parts of the route that are refused.
        var refusals = 0

        var labels: String { TrafficSnapshot.labels(deployment) }
    }

    struct Instance: Sendable {
        var deployment: DeploymentKey
        var revision: Revision
        var instance: String
        /// Requests of users.
        var counters: InstanceCounters
        var synthetic = InstanceCounters()
        var preview = InstanceCounters()
        var inFlight: Int
        var connections: Int
        var isEjected: Bool
        var observed: [Observed] = []
        var pairs: PairTally.Counts?

        var labels: String {
            TrafficSnapshot.labels(deployment, revision) + ",instance=\"\(Escape.expositionLabel(instance))\""
        }
    }

    var epoch: String
    var generation: Int
    var clientConnections: Int
    var weights: [Weight]
    var routes: [Route] = []
    var unavailable: [UnavailableReport] = []
    var instances: [Instance]

    static func labels(_ deployment: DeploymentKey, _ revision: Revision) -> String {
        labels(deployment) + ",revision=\"\(Escape.expositionLabel(revision.rawValue))\""
    }

    static func labels(_ deployment: DeploymentKey) -> String {
        "namespace=\"\(Escape.expositionLabel(deployment.namespace))\",deployment=\"\(Escape.expositionLabel(deployment.name))\""
    }
}
