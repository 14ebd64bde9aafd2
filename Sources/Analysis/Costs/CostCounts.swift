import ModelManifests

/// What the instances of one side cost in one span of time, and how many requests they got in it.
struct CostCounts: Codable, Hashable, Sendable {
    var requests = 0.0
    var cpuSeconds = 0.0
    var memoryByteSeconds = 0.0
    var instanceSeconds = 0.0

    init() {}

    /// - Returns: nil if nothing was measured.
    init?(_ counts: SideCounts) {
        guard let seconds = counts.named[CostCounter.instanceSeconds], seconds > 0 else { return nil }
        instanceSeconds = seconds
        cpuSeconds = counts.named[CostCounter.cpuSeconds] ?? 0
        memoryByteSeconds = counts.named[CostCounter.memoryByteSeconds] ?? 0
        // A recording may have no separate count of requests for costs.
        requests = counts.named[CostCounter.requests] ?? Double(counts.ofEveryRequest.requests)
    }

    static func + (left: CostCounts, right: CostCounts) -> CostCounts {
        var sum = left
        sum.requests += right.requests
        // Millionths of a second and whole bytes keep the record short.
        sum.cpuSeconds = ((left.cpuSeconds + right.cpuSeconds) * 1e6).rounded() / 1e6
        sum.memoryByteSeconds = (left.memoryByteSeconds + right.memoryByteSeconds).rounded()
        sum.instanceSeconds = ((left.instanceSeconds + right.instanceSeconds) * 1e3).rounded() / 1e3
        return sum
    }

    /// The share of one core that one instance used.
    var cpuShare: Double { instanceSeconds > 0 ? cpuSeconds / instanceSeconds : 0 }
    var cpuPerRequest: Double? { requests > 0 ? cpuSeconds / requests : nil }
    var bytesPerInstance: Double { instanceSeconds > 0 ? memoryByteSeconds / instanceSeconds : 0 }
    /// Requests of one instance in a second.
    var pace: Double { instanceSeconds > 0 ? requests / instanceSeconds : 0 }
}

/// Both sides over the same time.
struct CostBlock: Codable, Hashable, Sendable {
    var stable = CostCounts()
    var candidate = CostCounts()

    init() {}

    init(stable: CostCounts, candidate: CostCounts) {
        self.stable = stable
        self.candidate = candidate
    }

    /// - Returns: nil if one side was not measured: costs of different times are not compared.
    init?(_ interval: Interval) {
        guard let stable = CostCounts(interval.stable), let candidate = CostCounts(interval.candidate) else {
            return nil
        }
        self.init(stable: stable, candidate: candidate)
    }

    static func + (left: CostBlock, right: CostBlock) -> CostBlock {
        CostBlock(stable: left.stable + right.stable, candidate: left.candidate + right.candidate)
    }
}
