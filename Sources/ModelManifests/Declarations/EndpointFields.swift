/// The fields of `spec.endpoint` and `spec.drain`.
enum EndpointFields {
    private struct Written: Sendable {
        var endpoint = Endpoint()
        var maxConcurrency: Int?
        var queue = ConcurrencyLimit(perInstance: 1)
    }

    static let endpoint = Shape<Written>.object(
        Written(),
        fields: [
            Field(
                "port", .wholeNumber(1...65_535),
                "The port of the service. Local: chosen and kept where not given; in a cluster: 80."
            ) {
                $0.endpoint.port = $1
            },
            Field(
                "requestTimeout", .duration(.milliseconds(1)...GoDuration.longest),
                "A request not answered by then is an error of the instance; 60s."
            ) { $0.endpoint.requestTimeout = $1 },
            Field(
                "maxConcurrency", .wholeNumber(1...65_535),
                "Requests that an instance has at a time; what is more waits in the queue. As many as come."
            ) { $0.maxConcurrency = $1 },
            Field(
                "queue", queue, "Requests that wait for an instance of their revision, where maxConcurrency is given."
            ) {
                $0.queue = $1
            },
            Field(
                "idempotent", .boolean,
                "A request may be sent again where an instance gave no answer; true for GET, Open Inference and OpenAI paths."
            ) { $0.endpoint.idempotent = $1 },
        ],
        check: { written, node, reading in
            guard written.maxConcurrency == nil, let entry = node.entry("queue"), !entry.value.isNull else { return }
            reading.report(
                "nothing waits where every instance gets what comes", within: [.field("queue")], at: entry.keyPlace,
                suggestion: "give maxConcurrency, or leave it out")
        }
    ).checkedByServer(
        ServerRule("!has(self.queue) || has(self.maxConcurrency)", "queue goes with maxConcurrency only")
    ).map { written, _, _ -> Endpoint? in
        var endpoint = written.endpoint
        endpoint.concurrency = written.maxConcurrency.map {
            ConcurrencyLimit(
                perInstance: $0, queueDepth: written.queue.queueDepth, queueTimeout: written.queue.queueTimeout)
        }
        return endpoint
    }

    private static let queue = Shape<ConcurrencyLimit>.object(
        ConcurrencyLimit(perInstance: 1),
        fields: [
            Field("depth", .wholeNumber(0...10_000), "So many of each revision wait; what is more gets 503; 100.") {
                $0.queueDepth = $1
            },
            Field("timeout", .duration(.milliseconds(1)...longestDrain), "So long they wait, then they get 503; 10s.") {
                $0.queueTimeout = $1
            },
        ])

    /// `spec.drain`.
    static let drain = Shape<Drain>.object(
        Drain(),
        fields: [
            Field(
                "timeout", .duration(.zero...longestDrain),
                "Requests that are not answered by then are cut; as long as endpoint.requestTimeout."
            ) { $0.timeout = $1 },
            Field("streamTimeout", .duration(.zero...longestDrain), "The same for answers that are streamed; 10m.") {
                $0.streamTimeout = $1
            },
        ])

    /// The limit of a drain: an instance that drains keeps its processors and memory for this long.
    private static let longestDrain = Duration.seconds(24 * 3600)
}
