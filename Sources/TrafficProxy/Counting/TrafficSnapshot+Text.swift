import SafeText
import Serving

extension TrafficSnapshot {
    /// A metric with one value per instance or per route. Nil if an owner has no value.
    private struct Metric<Owner> {
        enum Kind: String { case counter, gauge }

        var name: String
        var kind: Kind
        var help: String
        var value: @Sendable (Owner) -> Int?

        init(_ name: String, _ kind: Kind, _ help: String, _ value: @escaping @Sendable (Owner) -> Int?) {
            self.name = name
            self.kind = kind
            self.help = help
            self.value = value
        }

        func text(_ owners: [(labels: String, owner: Owner)]) -> String {
            TrafficSnapshot.family(
                name, kind.rawValue, help,
                owners.compactMap { labels, owner in value(owner).map { (labels, $0) } })
        }
    }

    private static var ofProxy: [Metric<TrafficSnapshot>] {
        [
            Metric("mlctl_proxy_routes_generation", .gauge, "Generation of the routes that the proxy follows.") {
                $0.generation
            },
            Metric("mlctl_proxy_client_connections", .gauge, "Open client connections.") { $0.clientConnections },
        ]
    }

    private static var ofInstances: [Metric<Instance>] {
        [
            Metric("mlctl_proxy_requests_total", .counter, "Requests that ended, without those that clients aborted.") {
                $0.counters.requests
            },
            Metric(
                "mlctl_proxy_errors_total", .counter,
                "Requests that ended in 5xx, a failed connection, a reset or a time-out."
            ) { $0.counters.errors },
            Metric(
                "mlctl_proxy_abandoned_total", .counter,
                "Requests whose clients gave up while waiting for the instance."
            ) { $0.counters.abandoned.counts.reduce(0, +) },
            Metric("mlctl_proxy_rejected_total", .counter, "Requests that ended in 4xx.") { $0.counters.rejected },
            Metric("mlctl_proxy_synthetic_requests_total", .counter, "Recorded requests that ended.") {
                $0.synthetic.requests
            },
            Metric("mlctl_proxy_synthetic_errors_total", .counter, "Recorded requests that failed.") {
                $0.synthetic.errors
            },
            Metric("mlctl_proxy_preview_requests_total", .counter, "Requests at preview ports that ended.") {
                $0.preview.requests
            },
            Metric("mlctl_proxy_preview_errors_total", .counter, "Requests at preview ports that failed.") {
                $0.preview.errors
            },
            Metric("mlctl_proxy_in_flight_requests", .gauge, "Requests in progress.") { $0.inFlight },
            Metric("mlctl_proxy_upstream_connections", .gauge, "Connections to the instance.") { $0.connections },
            Metric(
                "mlctl_proxy_ejected", .gauge,
                "1 while the instance is ejected: connections failed, or it serves worse than its siblings."
            ) {
                $0.isEjected ? 1 : 0
            },
        ]
    }

    private static var ofRoutes: [Metric<Route>] {
        [
            Metric("mlctl_proxy_kept_users", .gauge, "Users of an A/B test who are kept at their revision.") {
                $0.keptUsers
            },
            Metric(
                "mlctl_proxy_unkept_requests_total", .counter,
                "Requests of users who are not kept at their revision because the limit of kept users was reached."
            ) { $0.unkeptRequests },
            Metric(
                "mlctl_proxy_synthetic_dropped_total", .counter,
                "Recorded requests that were not sent because too many were in progress."
            ) { $0.syntheticDropped },
            Metric(
                "mlctl_proxy_cut_requests_total", .counter,
                "Requests that were cut off because the drain time of their instance was over."
            ) { $0.cutRequests },
            Metric(
                "mlctl_proxy_refused_connections_total", .counter,
                "Connections over a limit, and requests that no instance accepted."
            ) { $0.refusedConnections },
            Metric(
                "mlctl_proxy_route_refusals", .gauge,
                "Parts of the route that the proxy refuses. The deployment's status says which."
            ) {
                $0.refusals
            },
        ]
    }

    /// The Prometheus text format, version 0.0.4.
    func prometheusText() -> String {
        let instances = instances.sorted {
            ($0.deployment, $0.revision, $0.instance) < ($1.deployment, $1.revision, $1.instance)
        }
        let weights = weights.sorted { ($0.deployment, $0.revision) < ($1.deployment, $1.revision) }
        let labelled = instances.map { (labels: $0.labels, owner: $0) }
        var text = Self.family(
            "mlctl_proxy_info", "gauge", "Constant 1. The label epoch identifies the start of the proxy.",
            [("epoch=\"\(Escape.expositionLabel(epoch))\"", 1)])
        text += Self.ofProxy.map { $0.text([("", self)]) }.joined()
        text += Self.family(
            "mlctl_proxy_weight_percent", "gauge",
            "Share of the deployment's requests that reaches the revision, in percent.",
            weights.map { (Self.labels($0.deployment, $0.revision), $0.percent) })
        text += Self.family(
            "mlctl_proxy_unavailable_requests_total", "counter",
            "Requests for a revision that none of its instances could take.",
            unavailable.sorted { ($0.deployment, $0.revision) < ($1.deployment, $1.revision) }.map {
                (Self.labels($0.deployment, $0.revision), $0.requests)
            })
        let queues = routes.flatMap { route in
            route.queues.map { (labels: Self.labels(route.deployment, $0.revision), queue: $0) }
        }
        text += Self.family(
            "mlctl_proxy_queued_requests", "gauge", "Requests that wait for room at an instance of the revision.",
            queues.map { ($0.labels, $0.queue.waiting) })
        text += Self.family(
            "mlctl_proxy_queue_refused_total", "counter",
            "Requests that were refused because the queue was full or they waited too long.",
            queues.map { ($0.labels, $0.queue.refused) })
        text += Self.ofInstances.map { $0.text(labelled) }.joined()
        text += Self.ofRoutes.map { metric in metric.text(routes.map { ($0.labels, $0) }) }.joined()
        return text + observedText(instances) + shadowText(instances) + histogram(instances)
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
            + samples.map { "\(name)\($0.labels.isEmpty ? "" : "{\($0.labels)}") \($0.value)\n" }.joined()
    }

    /// Removes the last digits that binary fractions leave: 0.16 instead of 0.16000000000000003.
    private static func rounded(_ bound: Double) -> Double { (bound * 1e7).rounded() / 1e7 }
}
