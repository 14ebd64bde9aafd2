/// One measured value against fixed bounds. Carries no statistical promise.
public struct ThresholdGate: Hashable, Codable, Sendable {
    public enum Metric: String, CaseIterable, Codable, Sendable {
        /// Rates in 0…1 over `window`.
        case errors, rejected
        /// Latency quantiles in seconds over `window`: the upper edge of the bucket that holds the quantile.
        case latencyP50, latencyP95, latencyP99
        /// Requests per second over `window`.
        case requestRate
    }

    public enum Measure: Hashable, Codable, Sendable {
        /// Of the proxy's own counters.
        case metric(Metric)
        /// Asked of a source at every measurement.
        case query(MetricQuery)
    }

    public var measure: Measure
    public var min: Double?
    public var max: Double?
    /// What must hold of the value, beside `min` and `max`.
    public var condition: Condition?
    public var interval: Duration
    public var initialDelay: Duration
    public var window: Duration
    /// More failed measurements than this fail the gate.
    public var failureLimit: Int
    /// More errors of the source in a row than this are said in the status; they never count as a verdict.
    public var consecutiveErrorLimit: Int
    /// No measurement on fewer of the candidate's requests than this: insufficient.
    public var minSamples: Int

    public init(
        _ measure: Measure, min: Double? = nil, max: Double? = nil, condition: Condition? = nil,
        interval: Duration = .seconds(10), initialDelay: Duration = .zero, window: Duration = .seconds(60),
        failureLimit: Int = 0, consecutiveErrorLimit: Int = 4, minSamples: Int = 1
    ) {
        self.measure = measure
        self.min = min
        self.max = max
        self.condition = condition
        self.interval = interval
        self.initialDelay = initialDelay
        self.window = window
        self.failureLimit = failureLimit
        self.consecutiveErrorLimit = consecutiveErrorLimit
        self.minSamples = minSamples
    }

    /// On the proxy's own counters.
    public init(
        metric: Metric, min: Double? = nil, max: Double? = nil, interval: Duration = .seconds(10),
        initialDelay: Duration = .zero, window: Duration = .seconds(60), failureLimit: Int = 0,
        consecutiveErrorLimit: Int = 4, minSamples: Int = 1
    ) {
        self.init(
            .metric(metric), min: min, max: max, interval: interval, initialDelay: initialDelay, window: window,
            failureLimit: failureLimit, consecutiveErrorLimit: consecutiveErrorLimit, minSamples: minSamples)
    }
}

/// A question to a source, by the source's name in the controller's settings.
public struct MetricQuery: Hashable, Codable, Sendable {
    public var source: String
    /// In the source's own language. `{{namespace}}`, `{{name}}`, `{{revision}}`, `{{version}}` and `{{window}}` are filled in.
    public var text: String
    /// Of a source that keeps time series; nil: one value, as it is now.
    public var range: MetricRange?

    public static let placeholders = ["namespace", "name", "revision", "version", "window"]

    public init(source: String, text: String, range: MetricRange? = nil) {
        self.source = source
        self.text = text
        self.range = range
    }
}
