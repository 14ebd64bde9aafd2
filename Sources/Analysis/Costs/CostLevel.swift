import ModelManifests

/// The candidate's cost in one block compared with the tolerance.
enum CostLevel: String, Codable, Hashable, Sendable {
    case within
    case above
    /// Within or above, depending on what a server costs without requests, which is not known well enough.
    case unclear

    /// The kernel counts CPU time in ticks of 10 ms. Each side may miss one tick.
    static let resolutionSeconds = 0.02
    /// An allocator requests memory in pieces of about this size.
    static let resolutionBytes = 1_048_576.0

    /// - Parameters:
    ///   - tolerance: 1.25 allows a quarter more.
    ///   - idle: the most that an instance may cost without requests, as a share of a core.
    ///   - usual: the CPU seconds of one request of stable over a longer time. A short block may lack work that is only
    ///     done now and then.
    static func ofCPU(_ block: CostBlock, tolerance: Double, idle: Double?, usual: Double? = nil) -> CostLevel {
        let (stable, candidate) = (block.stable, block.candidate)
        guard stable.requests > 0, candidate.requests > 0 else { return .unclear }
        let requests = candidate.requests / stable.requests
        // The candidate ran for this many seconds more than its share of the requests. In that time it also has the
        // cost of a server without requests.
        let spareSeconds = candidate.instanceSeconds - stable.instanceSeconds * requests
        // What an equal version would cost, for any part of the cost that comes without requests: none, or as much as
        // possible.
        let none = stable.cpuSeconds * requests
        let most = none + min(idle ?? .infinity, stable.cpuShare) * spareSeconds
        let all = none + (spareSeconds > 0 ? (idle ?? .infinity) * spareSeconds : 0)
        let wanted = max(all, all - none + (usual ?? 0) * candidate.requests)
        if candidate.cpuSeconds > tolerance * wanted + resolutionSeconds { return .above }
        return candidate.cpuSeconds <= tolerance * min(none, most) + resolutionSeconds ? .within : .unclear
    }

    static func ofMemory(_ block: CostBlock, tolerance: Double) -> CostLevel {
        block.candidate.bytesPerInstance > tolerance * block.stable.bytesPerInstance + resolutionBytes
            ? .above : .within
    }
}

/// The levels of successive blocks. A gate fails by several blocks in a row, so one block with a garbage collection or
/// a busy machine decides nothing.
struct CostStreak: Codable, Hashable, Sendable {
    /// The number of blocks in a row that decide a pass.
    static let decidingBlocks = 3

    /// The number in a row up to the last block.
    private(set) var above = 0
    private(set) var within = 0
    private(set) var blocks = 0
    private(set) var isPassing = false

    mutating func note(_ level: CostLevel) {
        blocks += 1
        above = level == .above ? above + 1 : 0
        within = level == .within ? within + 1 : 0
        if within >= Self.decidingBlocks { isPassing = true }
        if above >= Self.decidingBlocks { isPassing = false }
    }

    func verdict(failureLimit: Int) -> Verdict {
        if above > failureLimit { return .fail }
        return isPassing ? .pass : .insufficient
    }
}
