import SafeText

/// The server's counters, and their Prometheus text. A value type.
struct InferenceMetrics: Hashable, Sendable {
    /// Upper bounds in seconds.
    static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// Finished inference requests by status code.
    private(set) var requests: [UInt: Int] = [:]
    /// For each bound, the requests above the previous bound and up to this one. The last entry is above all bounds.
    private(set) var buckets = [Int](repeating: 0, count: bounds.count + 1)
    private(set) var durationSeconds = 0.0
    var inFlight = 0

    mutating func ended(status: UInt, seconds: Double) {
        requests[status, default: 0] += 1
        buckets[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        durationSeconds += seconds
    }

    /// The Prometheus text format, version 0.0.4.
    func exposition(model: String, version: String) -> String {
        let labels = #"model="\#(Escape.expositionLabel(model))",version="\#(Escape.expositionLabel(version))""#
        var text = ""
        func family(_ name: String, _ type: String, _ help: String) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        }
        family("mlctl_model_requests_total", "counter", "Inference requests that ended, by status code.")
        for (code, count) in requests.sorted(by: { $0.key < $1.key }) {
            text += "mlctl_model_requests_total{\(labels),code=\"\(code)\"} \(count)\n"
        }
        let errors = requests.reduce(0) { $0 + ($1.key >= 500 ? $1.value : 0) }
        family("mlctl_model_errors_total", "counter", "Inference requests that ended with 5xx.")
        text += "mlctl_model_errors_total{\(labels)} \(errors)\n"
        family("mlctl_model_requests_in_flight", "gauge", "Inference requests in progress.")
        text += "mlctl_model_requests_in_flight{\(labels)} \(inFlight)\n"
        let histogram = "mlctl_model_request_duration_seconds"
        family(histogram, "histogram", "Time from the end of the request to its answer.")
        var cumulative = 0
        for (index, count) in buckets.enumerated() {
            cumulative += count
            let bound = index < Self.bounds.count ? "\(Self.bounds[index])" : "+Inf"
            text += "\(histogram)_bucket{\(labels),le=\"\(bound)\"} \(cumulative)\n"
        }
        text += "\(histogram)_sum{\(labels)} \(durationSeconds)\n\(histogram)_count{\(labels)} \(cumulative)\n"
        return text
    }
}
