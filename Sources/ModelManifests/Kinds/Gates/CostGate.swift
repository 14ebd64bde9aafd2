/// What the candidate costs, held against the stable that runs at the same time: measured of the processes of instances.
///
/// Written as a `compare` gate whose metric is `cpuPerRequest`, `memory` or `leak`. It carries no promise about false alarms.
public struct CostGate: Hashable, Codable, Sendable {
    public enum Metric: String, CaseIterable, Codable, Sendable {
        /// CPU seconds of one request.
        case cpuPerRequest
        /// Resident bytes of one ready instance.
        case memory
        /// Growth of one instance's resident bytes over time, beyond stable's own.
        case leak
    }

    public var metric: Metric
    /// Tolerance as a share of stable's cost: 0.25 lets 8 ms become 10 ms. Not of `leak`.
    public var maxRelativeIncrease: Double
    /// `leak` only: this much growth beyond stable's own is tolerated.
    public var maxBytesPerHour: Int
    /// From the candidate's first traffic: what it costs to load lazily, to compile and to warm up is left out.
    public var initialDelay: Duration
    /// Costs are compared block by block; a block is at least this long.
    public var interval: Duration
    /// More blocks in a row than this above the tolerance fail the gate. Not of `leak`.
    public var failureLimit: Int
    /// No pass before the candidate has this many requests.
    public var minSamples: Int

    public init(
        _ metric: Metric, maxRelativeIncrease: Double = 0.25, maxBytesPerHour: Int = 100 << 20,
        initialDelay: Duration = .seconds(30), interval: Duration = .seconds(10), failureLimit: Int = 5,
        minSamples: Int = 0
    ) {
        self.metric = metric
        self.maxRelativeIncrease = maxRelativeIncrease
        self.maxBytesPerHour = maxBytesPerHour
        self.initialDelay = initialDelay
        self.interval = interval
        self.failureLimit = failureLimit
        self.minSamples = minSamples
    }
}

/// Cumulative counters of what instances cost, by the names under which readings, records and recordings have them.
///
/// All of them are counted over the same time, so that one over another is a mean: CPU seconds of a request, bytes of an
/// instance.
public enum CostCounter {
    public static let cpuSeconds = "cpuSeconds"
    /// Resident bytes, times the seconds for which they were resident.
    public static let memoryByteSeconds = "memoryByteSeconds"
    /// Seconds for which instances were measured, summed over instances.
    public static let instanceSeconds = "instanceSeconds"
    /// Requests that the measured instances answered meanwhile, recorded ones and copies among them.
    public static let requests = "costRequests"

    public static let all = [cpuSeconds, memoryByteSeconds, instanceSeconds, requests]
}
