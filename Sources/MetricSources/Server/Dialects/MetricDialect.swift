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
