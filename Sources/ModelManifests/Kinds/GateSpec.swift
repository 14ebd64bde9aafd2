/// A judgement with a verdict: pass, fail or insufficient.
public struct GateSpec: Hashable, Codable, Sendable {
    public enum Kind: Hashable, Codable, Sendable {
        case compare(CompareGate)
        case threshold(ThresholdGate)
    }

    public var name: String
    public var kind: Kind

    public init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}

/// The candidate against the stable that runs at the same time.
public struct CompareGate: Hashable, Codable, Sendable {
    public enum Metric: String, CaseIterable, Codable, Sendable {
        /// 5xx, connection failure, reset or time-out, at the first attempt.
        case errors
        /// 4xx.
        case rejected
        /// Over a bound; for streams, time to the first byte.
        case slow
    }

    public var metric: Metric
    /// Tolerance as a share of stable's rate: 0.10 lets 1 % become 1.1 %. Within either tolerance is within tolerance.
    public var maxRelativeIncrease: Double?
    /// Tolerance as a difference of rates: 0.005 lets 1 % become 1.5 %.
    public var maxAbsoluteIncrease: Double?
    /// No pass before the candidate has this many. A failure needs no floor: its promise holds at every sample.
    public var minSamples: Int
    /// `slow` only: the bound. Without it, stable's p95 bucket, frozen at the start.
    public var slowerThan: Duration?
    public var passMargin: PassMargin

    public init(
        metric: Metric, maxRelativeIncrease: Double? = 0.10, maxAbsoluteIncrease: Double? = nil, minSamples: Int = 0,
        slowerThan: Duration? = nil, passMargin: PassMargin = PassMargin()
    ) {
        self.metric = metric
        self.maxRelativeIncrease = maxRelativeIncrease
        self.maxAbsoluteIncrease = maxAbsoluteIncrease
        self.minSamples = minSamples
        self.slowerThan = slowerThan
        self.passMargin = passMargin
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

    public var metric: Metric
    public var min: Double?
    public var max: Double?
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
        metric: Metric, min: Double? = nil, max: Double? = nil, interval: Duration = .seconds(10),
        initialDelay: Duration = .zero, window: Duration = .seconds(60), failureLimit: Int = 0,
        consecutiveErrorLimit: Int = 4, minSamples: Int = 1
    ) {
        self.metric = metric
        self.min = min
        self.max = max
        self.interval = interval
        self.initialDelay = initialDelay
        self.window = window
        self.failureLimit = failureLimit
        self.consecutiveErrorLimit = consecutiveErrorLimit
        self.minSamples = minSamples
    }
}
