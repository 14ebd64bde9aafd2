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
