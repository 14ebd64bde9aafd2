extension MetricDialect {
    /// MLServer 1.7: the metrics of starlette_exporter with the prefix `rest_server`. Paths are those of its routes. Inference
    /// over gRPC is not included.
    static let mlServer = MetricDialect(
        requests: "rest_server_requests_total", status: "status_code", latency: "rest_server_request_duration_seconds"
    ) { labels in
        let path = labels["path"] ?? ""
        return ["/infer", "/infer_stream", "/generate", "/generate_stream"].contains { path.hasSuffix($0) }
    }
}
