import ModelManifests
import Serving

/// Which samples of a server's metrics page count its requests. Errors are 5xx and rejections are 4xx. Status 499 (the client
/// closed the request) is ignored.
struct MetricDialect: Sendable {
    typealias Labels = [String: String]

    /// The name of a counter by status code.
    var requests: String
    /// The label with the status code: `503`, or `5xx`.
    var status: String
    /// The name of a histogram in seconds, without `_bucket`.
    var latency: String
    /// Whether a sample counts predictions, not health checks or documentation.
    var isInference: @Sendable (Labels) -> Bool
    /// The same for samples of the histogram.
    var isInferenceLatency: @Sendable (Labels) -> Bool

    init(
        requests: String, status: String, latency: String, isInference: @escaping @Sendable (Labels) -> Bool,
        isInferenceLatency: (@Sendable (Labels) -> Bool)? = nil
    ) {
        self.requests = requests
        self.status = status
        self.latency = latency
        self.isInference = isInference
        self.isInferenceLatency = isInferenceLatency ?? isInference
    }

    /// - Returns: nil for servers of which mlctl knows only the counters that gates name.
    init?(_ dialect: RuntimeMetrics.Dialect) {
        switch dialect {
        case .mlserver: self = .mlServer
        case .bentoml: self = .bentoML
        case .vllm: self = .vLLM
        case .mlctl: self = .mlctl
        case .other: return nil
        }
    }

    /// The sample names that `counters` reads.
    var names: Set<String> { [requests, latency + "_bucket"] }

    /// Counters since the server started. The histogram has its own total, which may be one request ahead of the counter.
    ///
    /// - Throws: `SourceError` if a value cannot be a counter.
    func counters(in page: ExpositionText) throws -> RequestCounters {
        var counters = RequestCounters()
        for sample in page.samples(named: requests) where isInference(sample.labels) {
            let code = sample.labels[status] ?? ""
            guard code != "499" else { continue }
            counters.requests = try Self.adding(sample, to: counters.requests)
            if code.hasPrefix("5") { counters.errors = try Self.adding(sample, to: counters.errors) }
            if code.hasPrefix("4") { counters.rejected = try Self.adding(sample, to: counters.rejected) }
        }
        var buckets: [Double: Int] = [:]
        for sample in page.samples(named: latency + "_bucket")
        where isInferenceLatency(sample.labels) && sample.labels[status] != "499" {
            guard let bound = sample.labels["le"].flatMap(Double.init), !bound.isNaN else {
                throw SourceError(.unreadable, "\(latency)_bucket has a sample without a bound (le)")
            }
            buckets[bound] = try Self.adding(sample, to: buckets[bound] ?? 0)
        }
        guard buckets[.infinity] != nil else { return counters }
        let sorted = buckets.sorted { $0.key < $1.key }
        counters.bounds = sorted.map(\.key).filter(\.isFinite)
        counters.latency = sorted.map(\.value)
        return counters
    }

    private static func adding(_ sample: ExpositionText.Sample, to total: Int) throws -> Int {
        guard sample.value >= 0, let count = Int(exactly: sample.value.rounded()) else {
            throw SourceError(.unreadable, "\(sample.name) is \(sample.value), which cannot be a counter")
        }
        let (sum, isTooMuch) = total.addingReportingOverflow(count)
        guard !isTooMuch else { throw SourceError(.unreadable, "the sum of \(sample.name) is too large") }
        return sum
    }
}

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

extension MetricDialect {
    /// `mlctl serve-model`, which counts only inference requests.
    static let mlctl = MetricDialect(
        requests: "mlctl_model_requests_total", status: "code", latency: "mlctl_model_request_duration_seconds"
    ) { _ in true }
}

extension MetricDialect {
    /// vLLM: requests and their codes (`2xx`, `5xx`) come from prometheus-fastapi-instrumentator, latency from its engine. A
    /// response that fails after its first token counts as 2xx. `vllm:request_success_total{finished_reason="error"}` counts
    /// those failures; use it in a ratio.
    static let vLLM = MetricDialect(
        requests: "http_requests_total", status: "status", latency: "vllm:e2e_request_latency_seconds",
        isInference: { labels in labels["method"] == "POST" && vLLMRoutes.contains(labels["handler"] ?? "") },
        isInferenceLatency: { _ in true })

    private static let vLLMRoutes: Set<String> = [
        "/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings", "/v1/score",
        "/v1/rerank", "/v1/audio/transcriptions", "/v1/audio/translations", "/v2/embed", "/v2/rerank", "/score",
        "/rerank", "/pooling", "/classify", "/invocations", "/generate", "/inference/v1/generate",
    ]
}
