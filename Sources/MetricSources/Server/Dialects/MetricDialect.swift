import ModelManifests
import Serving

/// Which samples of a server's metrics page count its requests: errors are 5xx, rejections 4xx, and 499, the client's
/// own abort, is left out.
struct MetricDialect: Sendable {
    typealias Labels = [String: String]

    /// A counter by status code.
    var requests: String
    /// The label that holds the code: `503`, or `5xx`.
    var status: String
    /// A histogram in seconds, without `_bucket`.
    var latency: String
    /// Predictions, and not health or documentation.
    var isInference: @Sendable (Labels) -> Bool
    /// Of the histogram.
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

    /// - Returns: nil for servers of which only what gates name is known.
    init?(_ dialect: RuntimeMetrics.Dialect) {
        switch dialect {
        case .mlserver: self = .mlServer
        case .bentoml: self = .bentoML
        case .vllm: self = .vLLM
        case .mlctl: self = .mlctl
        case .other: return nil
        }
    }

    /// Names of the samples that `counters` reads.
    var names: Set<String> { [requests, latency + "_bucket"] }

    /// Since the server started. The histogram brings its own total: it may be a request ahead of the counter.
    ///
    /// - Throws: `SourceError` for what no counter can be.
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
                throw SourceError(.unreadable, "\(latency)_bucket without a bound (le)")
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
            throw SourceError(.unreadable, "\(sample.name) is \(sample.value): no counter is")
        }
        let (sum, isTooMuch) = total.addingReportingOverflow(count)
        guard !isTooMuch else { throw SourceError(.unreadable, "\(sample.name) comes to more than can be counted") }
        return sum
    }
}
