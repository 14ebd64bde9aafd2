import ModelManifests
import Serving

/// All of the traffic at one moment, and its text for Prometheus.
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
            TrafficSnapshot.labels(deployment, revision) + ",instance=\"\(TrafficSnapshot.escaped(instance))\""
        }
    }

    var epoch: String
    var generation: Int
    var clientConnections: Int
    var weights: [Weight]
    var routes: [Route] = []
    var instances: [Instance]

    /// The exposition format, version 0.0.4.
    func prometheusText() -> String {
        let instances = instances.sorted {
            ($0.deployment, $0.revision, $0.instance) < ($1.deployment, $1.revision, $1.instance)
        }
        var text = ""
        func family(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: Int)]) {
            text += Self.family(name, type, help, samples)
        }
        family(
            "mlctl_proxy_info", "gauge", "The proxy's start.", [("epoch=\"\(Self.escaped(epoch))\"", 1)])
        text += "# HELP mlctl_proxy_routes_generation The routes that are followed.\n"
        text += "# TYPE mlctl_proxy_routes_generation gauge\nmlctl_proxy_routes_generation \(generation)\n"
        text += "# HELP mlctl_proxy_client_connections Open connections of clients.\n"
        text += "# TYPE mlctl_proxy_client_connections gauge\nmlctl_proxy_client_connections \(clientConnections)\n"
        family(
            "mlctl_proxy_weight_percent", "gauge", "A revision's share of its deployment's requests.",
            weights.sorted { ($0.deployment, $0.revision) < ($1.deployment, $1.revision) }
                .map { (Self.labels($0.deployment, $0.revision), $0.percent) })
        family(
            "mlctl_proxy_requests_total", "counter", "Requests that ended, the clients' own aborts left out.",
            instances.map { ($0.labels, $0.counters.requests) })
        family(
            "mlctl_proxy_errors_total", "counter",
            "Requests that ended in 5xx, a failed connection, a reset or a time-out.",
            instances.map { ($0.labels, $0.counters.errors) })
        family(
            "mlctl_proxy_rejected_total", "counter", "Requests that ended in 4xx.",
            instances.map { ($0.labels, $0.counters.rejected) })
        family(
            "mlctl_proxy_synthetic_requests_total", "counter", "Recorded requests that ended.",
            instances.map { ($0.labels, $0.synthetic.requests) })
        family(
            "mlctl_proxy_synthetic_errors_total", "counter", "Recorded requests that failed.",
            instances.map { ($0.labels, $0.synthetic.errors) })
        family(
            "mlctl_proxy_preview_requests_total", "counter", "Requests at preview ports that ended.",
            instances.map { ($0.labels, $0.preview.requests) })
        family(
            "mlctl_proxy_preview_errors_total", "counter", "Requests at preview ports that failed.",
            instances.map { ($0.labels, $0.preview.errors) })
        family(
            "mlctl_proxy_kept_users", "gauge", "Users of an A/B test who stay at their revision.",
            routes.compactMap { route in route.keptUsers.map { (route.labels, $0) } })
        family(
            "mlctl_proxy_unkept_requests_total", "counter",
            "Requests of users whom nothing keeps at their revision, for want of room.",
            routes.compactMap { route in route.unkeptRequests.map { (route.labels, $0) } })
        family(
            "mlctl_proxy_synthetic_dropped_total", "counter",
            "Recorded requests that were not sent: too many were under way.",
            routes.compactMap { route in route.syntheticDropped.map { (route.labels, $0) } })
        family(
            "mlctl_proxy_in_flight_requests", "gauge", "Requests under way.",
            instances.map { ($0.labels, $0.inFlight) })
        family(
            "mlctl_proxy_upstream_connections", "gauge", "Connections to the instance.",
            instances.map { ($0.labels, $0.connections) })
        family(
            "mlctl_proxy_ejected", "gauge", "1 while the instance is out of rotation after failed connections.",
            instances.map { ($0.labels, $0.isEjected ? 1 : 0) })
        text += observedText(instances) + shadowText(instances) + histogram(instances)
        return text
    }

    private func histogram(_ instances: [Instance]) -> String {
        let name = "mlctl_proxy_request_duration_seconds"
        var text = "# HELP \(name) Time to the first byte of the answer.\n# TYPE \(name) histogram\n"
        for instance in instances {
            let labels = instance.labels
            for (bound, count) in zip(LatencyBounds.seconds, instance.counters.latency.cumulative) {
                text += "\(name)_bucket{\(labels),le=\"\(Self.rounded(bound))\"} \(count)\n"
            }
            text += "\(name)_bucket{\(labels),le=\"+Inf\"} \(instance.counters.requests)\n"
            text += "\(name)_sum{\(labels)} \(Double(instance.counters.latencySumNanoseconds) / 1e9)\n"
            text += "\(name)_count{\(labels)} \(instance.counters.requests)\n"
        }
        return text
    }

    static func family(
        _ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: some Numeric)]
    ) -> String {
        "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            + samples.map { "\(name){\($0.labels)} \($0.value)\n" }.joined()
    }

    /// Without the last digits that products of binary fractions leave: 0.16, not 0.16000000000000003.
    private static func rounded(_ bound: Double) -> Double { (bound * 1e7).rounded() / 1e7 }

    static func labels(_ deployment: DeploymentKey, _ revision: Revision) -> String {
        labels(deployment) + ",revision=\"\(escaped(revision.rawValue))\""
    }

    static func labels(_ deployment: DeploymentKey) -> String {
        "namespace=\"\(escaped(deployment.namespace))\",deployment=\"\(escaped(deployment.name))\""
    }

    static func escaped(_ value: String) -> String {
        value.map { character in
            switch character {
            case "\\": "\\\\"
            case "\"": "\\\""
            case "\n": "\\n"
            default: String(character)
            }
        }.joined()
    }
}
