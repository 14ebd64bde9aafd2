/// The candidate against the stable that runs at the same time.
public struct CompareGate: Hashable, Codable, Sendable {
    public enum Metric: String, CaseIterable, Codable, Sendable {
        /// 5xx, connection failure, reset or time-out, at the first attempt.
        case errors
        /// 4xx.
        case rejected
        /// Over a bound; for streams, time to the first byte.
        case slow
        /// Latency quantiles, at the edges of the histogram's buckets.
        case latencyP50, latencyP95, latencyP99
    }

    public enum Quantity: Hashable, Codable, Sendable {
        /// Of requests, as every data plane counts them; from `proxy` or `server`.
        case requests(Metric, source: String)
        case counters(CounterRatio)
    }

    public var quantity: Quantity
    /// Tolerance as a share of stable's rate: 0.10 lets 1 % become 1.1 %. Within either tolerance is within tolerance.
    /// For latency quantiles, a share of stable's latency.
    public var maxRelativeIncrease: Double?
    /// Tolerance as a difference of rates: 0.005 lets 1 % become 1.5 %.
    public var maxAbsoluteIncrease: Double?
    /// No pass before the candidate has this many. A failure needs no floor: its promise holds at every sample.
    public var minSamples: Int
    /// `slow` only: the bound. Without it, stable's p95 bucket, frozen at the start.
    public var slowerThan: Duration?
    public var passMargin: PassMargin

    public init(
        _ quantity: Quantity, maxRelativeIncrease: Double? = 0.10, maxAbsoluteIncrease: Double? = nil,
        minSamples: Int = 0, slowerThan: Duration? = nil, passMargin: PassMargin = PassMargin()
    ) {
        self.quantity = quantity
        self.maxRelativeIncrease = maxRelativeIncrease
        self.maxAbsoluteIncrease = maxAbsoluteIncrease
        self.minSamples = minSamples
        self.slowerThan = slowerThan
        self.passMargin = passMargin
    }

    /// On the proxy's own counters.
    public init(
        metric: Metric, maxRelativeIncrease: Double? = 0.10, maxAbsoluteIncrease: Double? = nil, minSamples: Int = 0,
        slowerThan: Duration? = nil, passMargin: PassMargin = PassMargin()
    ) {
        self.init(
            .requests(metric, source: MetricSourceName.proxy), maxRelativeIncrease: maxRelativeIncrease,
            maxAbsoluteIncrease: maxAbsoluteIncrease, minSamples: minSamples, slowerThan: slowerThan,
            passMargin: passMargin)
    }

    /// Nil where it compares counters of the user's own.
    public var metric: Metric? {
        if case .requests(let metric, _) = quantity { metric } else { nil }
    }

    public var source: String {
        switch quantity {
        case .requests(_, let source): source
        case .counters(let ratio): ratio.source
        }
    }
}

/// One cumulative counter over another: failures of requests, seconds of answers, correct ones of those judged.
public struct CounterRatio: Hashable, Codable, Sendable {
    public enum Direction: String, CaseIterable, Codable, Sendable { case lower, higher }

    public var source: String
    /// The counter above: its name, or for Prometheus a query of a raw cumulative counter.
    public var of: String
    /// The counter below: how many units there were.
    public var per: String
    /// The most that one unit can add to `of`: 1 where it counts units, the largest value where it sums values.
    public var maximum: Double
    /// Which is better. Where higher is, the shortfall `maximum − value` is what must not grow.
    public var better: Direction

    public init(source: String, of: String, per: String, maximum: Double = 1, better: Direction = .lower) {
        self.source = source
        self.of = of
        self.per = per
        self.maximum = maximum
        self.better = better
    }

    /// Delayed ground truth: the reported values of one label.
    public init(outcome label: String, maximum: Double = 1, better: Direction = .higher) {
        self.init(
            source: MetricSourceName.outcomes, of: "\(label).sum", per: "\(label).count", maximum: maximum,
            better: better)
    }
}

/// A pass excludes a regression larger than this: the larger of the two.
public struct PassMargin: Hashable, Codable, Sendable {
    public var relative: Double
    /// A difference of rates: 0.005 is half a percentage point.
    public var absolute: Double

    public init(relative: Double = 0.50, absolute: Double = 0.005) {
        self.relative = relative
        self.absolute = absolute
    }
}

/// An A/B test's own question: which revision is better by the goal? Two-sided: `error` is the chance of a winner where
/// there is none, at whatever moments one looks.
public struct GoalGate: Hashable, Codable, Sendable {
    /// What it is called among a rollout's gates.
    public static let name = "goal"

    public var quantity: CounterRatio
    public var error: Double
    public var minSamples: Int

    public init(quantity: CounterRatio, error: Double = 0.05, minSamples: Int = 0) {
        self.quantity = quantity
        self.error = error
        self.minSamples = minSamples
    }
}
