/// Compares one measured value with fixed bounds. It makes no statistical promise.
package struct ThresholdGate: Hashable, Codable, Sendable {
    package enum Metric: String, CaseIterable, Codable, Sendable {
        /// Rates in 0…1 over `window`.
        case errors, rejected
        /// Latency quantiles in seconds over `window`: the upper edge of the bucket that contains the quantile.
        case latencyP50, latencyP95, latencyP99
        /// Requests per second over `window`.
        case requestRate
    }

    package enum Measure: Hashable, Codable, Sendable {
        /// Taken from the proxy's own counters.
        case metric(Metric)
        /// Asked from a source at every measurement.
        case query(MetricQuery)
    }

    package var measure: Measure
    package var min: Double?
    package var max: Double?
    /// What must be true of the value, in addition to `min` and `max`.
    package var condition: ThresholdExpression?
    package var interval: Duration
    package var initialDelay: Duration
    package var window: Duration
    /// More failed measurements than this fail the gate.
    package var failureLimit: Int
    /// More errors of the source in a row than this are shown in the status. They never count as a verdict.
    package var consecutiveErrorLimit: Int
    /// With fewer requests of the candidate there is no measurement, and the verdict is insufficient.
    package var minSamples: Int

    package init(
        _ measure: Measure, min: Double? = nil, max: Double? = nil, condition: ThresholdExpression? = nil,
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

    /// A threshold on the proxy's own counters.
    package init(
        metric: Metric, min: Double? = nil, max: Double? = nil, interval: Duration = .seconds(10),
        initialDelay: Duration = .zero, window: Duration = .seconds(60), failureLimit: Int = 0,
        consecutiveErrorLimit: Int = 4, minSamples: Int = 1
    ) {
        self.init(
            .metric(metric), min: min, max: max, interval: interval, initialDelay: initialDelay, window: window,
            failureLimit: failureLimit, consecutiveErrorLimit: consecutiveErrorLimit, minSamples: minSamples)
    }
}

/// A query to a source, which has its name in the controller's settings.
package struct MetricQuery: Hashable, Codable, Sendable {
    package var source: String
    /// In the source's own language. `{{namespace}}`, `{{name}}`, `{{revision}}`, `{{version}}` and `{{window}}` are filled in.
    package var text: String
    /// For a source that keeps time series; nil means the current value.
    package var range: MetricRange?

    package static let placeholders = ["namespace", "name", "revision", "version", "window"]

    package init(source: String, text: String, range: MetricRange? = nil) {
        self.source = source
        self.text = text
        self.range = range
    }
}

/// The points of a Prometheus range query over the last `over`, reduced to one value.
package struct MetricRange: Hashable, Codable, Sendable {
    package enum Reduction: String, CaseIterable, Codable, Sendable { case max, min, mean, last }

    /// A tenth of what Prometheus itself allows: one value for a gate needs no more.
    package static let pointLimit = 1_000

    package var over: Duration
    package var step: Duration
    /// Applies to the points that are numbers; others are left out.
    package var reduce: Reduction
    /// With fewer points that are numbers, there are no data.
    package var minPoints: Int

    package init(over: Duration, step: Duration = .seconds(15), reduce: Reduction, minPoints: Int = 1) {
        self.over = over
        self.step = step
        self.reduce = reduce
        self.minPoints = minPoints
    }

    /// The number of steps between the first point and the last, which is the time of the query.
    package var stepCount: Int { Int((over / step).rounded(.down)) }

    package var pointCount: Int { stepCount + 1 }
}
