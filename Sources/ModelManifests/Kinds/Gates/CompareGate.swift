/// Compares the candidate with the stable revision that runs at the same time.
package struct CompareGate: Hashable, Codable, Sendable {
    package enum Metric: String, CaseIterable, Codable, Sendable {
        /// A 5xx status, connection failure, reset or timeout at the first attempt.
        case errors
        /// A 4xx status.
        case rejected
        /// Slower than a bound; for streams, by the time to the first byte.
        case slow
        /// Latency quantiles, at the edges of the histogram's buckets.
        case latencyP50, latencyP95, latencyP99
    }

    package enum Quantity: Hashable, Codable, Sendable {
        /// A metric of requests, as counted by `proxy` or `server`.
        case requests(Metric, source: String)
        case counters(CounterRatio)
    }

    package var quantity: Quantity
    /// Tolerance as a share of stable's rate: 0.10 allows 1 % to become 1.1 %. A candidate within either tolerance is within
    /// tolerance. For latency quantiles it is a share of stable's latency.
    package var maxRelativeIncrease: Double?
    /// Tolerance as a difference of rates: 0.005 allows 1 % to become 1.5 %.
    package var maxAbsoluteIncrease: Double?
    /// The gate cannot pass before the candidate has this many samples. A failure needs no minimum: its error bound holds at
    /// every
    /// sample.
    package var minSamples: Int
    /// For `slow` only: the bound. Nil means stable's p95 bucket when the rollout starts.
    package var slowerThan: Duration?
    package var passMargin: PassMargin

    package init(
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

    /// A comparison by the proxy's own counters.
    package init(
        metric: Metric, maxRelativeIncrease: Double? = 0.10, maxAbsoluteIncrease: Double? = nil, minSamples: Int = 0,
        slowerThan: Duration? = nil, passMargin: PassMargin = PassMargin()
    ) {
        self.init(
            .requests(metric, source: MetricSourceName.proxy), maxRelativeIncrease: maxRelativeIncrease,
            maxAbsoluteIncrease: maxAbsoluteIncrease, minSamples: minSamples, slowerThan: slowerThan,
            passMargin: passMargin)
    }

    /// Nil where the gate compares counters that the user names.
    package var metric: Metric? {
        if case .requests(let metric, _) = quantity { metric } else { nil }
    }

    package var source: String {
        switch quantity {
        case .requests(_, let source): source
        case .counters(let ratio): ratio.source
        }
    }
}

/// One cumulative counter divided by another: failures by requests, seconds by answers, correct answers by evaluated ones.
package struct CounterRatio: Hashable, Codable, Sendable {
    package enum Direction: String, CaseIterable, Codable, Sendable { case lower, higher }

    package var source: String
    /// The numerator: a counter's name, or for Prometheus a query of a raw cumulative counter.
    package var of: String
    /// The denominator: a counter of all units.
    package var per: String
    /// The most that one unit can add to `of`: 1 where it counts units, the largest value where it sums values.
    package var maximum: Double
    /// The better direction. Where higher is better, the gate limits the growth of the shortfall `maximum − value`.
    package var better: Direction

    package init(source: String, of: String, per: String, maximum: Double = 1, better: Direction = .lower) {
        self.source = source
        self.of = of
        self.per = per
        self.maximum = maximum
        self.better = better
    }

    /// Outcomes that are reported later: the values reported for one label.
    package init(outcome label: String, maximum: Double = 1, better: Direction = .higher) {
        self.init(
            source: MetricSourceName.outcomes, of: "\(label).sum", per: "\(label).count", maximum: maximum,
            better: better)
    }
}

/// A pass excludes a regression larger than the larger of these two.
package struct PassMargin: Hashable, Codable, Sendable {
    package var relative: Double
    /// A difference of rates: 0.005 is half a percentage point.
    package var absolute: Double

    package init(relative: Double = 0.50, absolute: Double = 0.005) {
        self.relative = relative
        self.absolute = absolute
    }
}

/// The question of an A/B test: which revision is better by the goal? The test is two-sided. `error` bounds the probability of
/// a winner where there is none, however often the test is evaluated.
package struct GoalGate: Hashable, Codable, Sendable {
    /// Its name among a rollout's gates.
    package static let name = "goal"

    package var quantity: CounterRatio
    package var error: Double
    package var minSamples: Int

    package init(quantity: CounterRatio, error: Double = 0.05, minSamples: Int = 0) {
        self.quantity = quantity
        self.error = error
        self.minSamples = minSamples
    }
}
