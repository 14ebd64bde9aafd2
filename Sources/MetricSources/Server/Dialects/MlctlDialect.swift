extension MetricDialect {
    /// `mlctl serve-model`, which counts only inference requests.
    static let mlctl = MetricDialect(
        requests: "mlctl_model_requests_total", status: "code", latency: "mlctl_model_request_duration_seconds"
    ) { _ in true }
}
