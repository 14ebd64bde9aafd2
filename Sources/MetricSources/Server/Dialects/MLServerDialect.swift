extension MetricDialect {
    /// MLServer 1.7: what starlette_exporter counts under the prefix `rest_server`, paths as its routes have them.
    /// Inference over gRPC is not among it.
    static let mlServer = MetricDialect(
        requests: "rest_server_requests_total", status: "status_code", latency: "rest_server_request_duration_seconds"
    ) { labels in
        let path = labels["path"] ?? ""
        return ["/infer", "/infer_stream", "/generate", "/generate_stream"].contains { path.hasSuffix($0) }
    }
}
