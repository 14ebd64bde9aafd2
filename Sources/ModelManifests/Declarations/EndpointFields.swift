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
                "The port of the service. Default: on one machine a free port, which is kept; in a cluster 80."
            ) {
                $0.endpoint.port = $1
            },
            Field(
                "address", EndpointTLSFields.address,
                "On one machine: the IP address that the service listens on. Another than the loopback must be allowed by "
                    + "the project's policy. Default: 127.0.0.1."
            ) { $0.endpoint.address = $1 },
            Field(
                "tls", EndpointTLSFields.tls, "On one machine: the service answers with TLS, by HTTP/1.1 and HTTP/2."
            ) { $0.endpoint.tls = $1 },
            Field(
                "requestTimeout", .duration(.milliseconds(1)...GoDuration.longest),
                "A request that takes longer counts as an error of the instance. Default: 60s."
            ) { $0.endpoint.requestTimeout = $1 },
            Field(
                "maxConcurrency", .wholeNumber(1...65_535),
                "The most requests that an instance gets at a time. More requests wait in the queue. Default: no limit."
            ) { $0.maxConcurrency = $1 },
            Field(
                "queue", queue,
                "The queue of requests that wait for an instance of their revision. Needs maxConcurrency."
            ) {
                $0.queue = $1
            },
            Field(
                "idempotent", .boolean,
                "A request that got no answer may be sent again. Default: true for GET, Open Inference and OpenAI paths."
            ) { $0.endpoint.idempotent = $1 },
        ],
        check: { written, node, reading in
            guard written.maxConcurrency == nil, let entry = node.entry("queue"), !entry.value.isNull else { return }
            reading.report(
                "without maxConcurrency no request waits, so a queue has no effect", within: [.field("queue")],
                at: entry.keyPlace,
                suggestion: "add maxConcurrency, or leave queue out")
        }
    ).checkedByServer(
        ServerRule("!has(self.queue) || has(self.maxConcurrency)", "queue can only be used with maxConcurrency")
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
            Field(
                "depth", .wholeNumber(0...10_000),
                "The most requests that wait for each revision. More requests get 503. Default: 100."
            ) {
                $0.queueDepth = $1
            },
            Field(
                "timeout", .duration(.milliseconds(1)...longestDrain),
                "How long a request waits before it gets 503. Default: 10s."
            ) {
                $0.queueTimeout = $1
            },
        ])

    /// `spec.drain`.
    static let drain = Shape<Drain>.object(
        Drain(),
        fields: [
            Field(
                "timeout", .duration(.zero...longestDrain),
                "Requests that take longer are cut off. Default: endpoint.requestTimeout."
            ) { $0.timeout = $1 },
            Field("streamTimeout", .duration(.zero...longestDrain), "The same for streamed answers. Default: 10m.") {
                $0.streamTimeout = $1
            },
        ])

    /// The limit of a drain: an instance that drains keeps its processors and memory for this long.
    private static let longestDrain = Duration.seconds(24 * 3600)
}
