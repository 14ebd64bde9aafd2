/// Compares the cost of the candidate with the stable revision that runs at the same time, measured on the processes of
/// instances.
///
/// Written as a `compare` gate with the metric `cpuPerRequest`, `memory` or `leak`. It promises no rate of false alarms.
package struct CostGate: Hashable, Codable, Sendable {
    package enum Metric: String, CaseIterable, Codable, Sendable {
        /// CPU seconds per request.
        case cpuPerRequest
        /// Resident bytes per ready instance.
        case memory
        /// Growth of an instance's resident bytes per hour, beyond stable's own.
        case leak
    }

    package var metric: Metric
    /// Tolerance as a share of stable's cost: 0.25 allows 8 ms to become 10 ms. Not used for `leak`.
    package var maxRelativeIncrease: Double
    /// For `leak` only: the allowed growth beyond stable's own.
    package var maxBytesPerHour: Int
    /// The time from the candidate's first traffic to the first block: the cost of lazy loading, compilation and warm-up is left
    /// out.
    package var initialDelay: Duration
    /// Costs are compared block by block; a block takes at least this long.
    package var interval: Duration
    /// More blocks in a row above the tolerance fail the gate. Not used for `leak`.
    package var failureLimit: Int
    /// The gate cannot pass before the candidate has this many requests.
    package var minSamples: Int

    package init(
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

/// Names of the cumulative counters of costs, in readings, records and recordings.
///
/// All of them cover the same time, so that their quotients are means: CPU seconds per request, bytes per instance.
package enum CostCounter {
    package static let cpuSeconds = "cpuSeconds"
    /// Resident bytes multiplied by the seconds for which they were resident.
    package static let memoryByteSeconds = "memoryByteSeconds"
    /// Seconds for which instances were measured, added over all instances.
    package static let instanceSeconds = "instanceSeconds"
    /// Requests that the measured instances answered in that time, including recorded requests and copies.
    package static let requests = "costRequests"

    package static let all = [cpuSeconds, memoryByteSeconds, instanceSeconds, requests]
}
