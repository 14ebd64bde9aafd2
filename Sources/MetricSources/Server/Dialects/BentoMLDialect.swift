extension MetricDialect {
    /// BentoML 1.4. Services name their own endpoints, so all count except BentoML's own pages. In a Bento with several services,
    /// calls between them count too.
    static let bentoML = MetricDialect(
        requests: "bentoml_service_request_total", status: "http_response_code",
        latency: "bentoml_service_request_duration_seconds"
    ) { labels in
        let endpoint = labels["endpoint"] ?? ""
        return !bentoMLPages.contains(endpoint) && !bentoMLFolders.contains { endpoint.hasPrefix($0) }
    }

    private static let bentoMLPages: Set<String> = [
        "", "/", "/docs.json", "/schema.json", "/health", "/healthz", "/livez", "/readyz", "/metrics", "/favicon.ico",
    ]
    private static let bentoMLFolders = ["/static_content/", "/assets/"]
}
