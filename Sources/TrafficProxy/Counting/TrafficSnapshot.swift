import ModelManifests
import SafeText
import Serving

/// All of the traffic at one moment; `TrafficSnapshot+Text` says it to Prometheus.
///
/// `/report` carries the gates' evidence; here is every request, also a sticky user's second.
struct TrafficSnapshot: Sendable {
    struct Weight: Sendable {
        var deployment: DeploymentKey
        var revision: Revision
        var percent: Int
    }

    struct Route: Sendable {
        var deployment: DeploymentKey
        /// Nil where it is no A/B test.
        var keptUsers: Int?
        var unkeptRequests: Int?
        /// Nil where no recorded requests are sent.
        var syntheticDropped: Int?
        var cutRequests = 0
        var refusedConnections = 0
        /// Of revisions whose instances have so many requests at a time.
        var queues: [QueueReport] = []
        /// Parts of it that are not followed.
        var refusals = 0

        var labels: String { TrafficSnapshot.labels(deployment) }
    }

    struct Instance: Sendable {
        var deployment: DeploymentKey
        var revision: Revision
        var instance: String
        /// Of users.
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
