import ModelManifests

/// How the candidate's cost stands to the tolerance in one block.
enum CostLevel: String, Codable, Hashable, Sendable {
    case within
    case above
    /// Within or above, by what a server costs without requests, of which too little is known.
    case unclear

    /// The kernel counts CPU time in ticks of 10 ms; one of either side may be missing.
    static let resolutionSeconds = 0.02
    /// An allocator takes memory by pieces of about this size.
    static let resolutionBytes = 1_048_576.0

    /// - Parameters:
    ///   - tolerance: 1.25 for a quarter more.
    ///   - idle: the most that an instance may cost without requests, as a share of a core.
    ///   - usual: CPU seconds of a request of stable, over a longer time: a short block may lack what comes now and then.
    static func ofCPU(_ block: CostBlock, tolerance: Double, idle: Double?, usual: Double? = nil) -> CostLevel {
        let (stable, candidate) = (block.stable, block.candidate)
        guard stable.requests > 0, candidate.requests > 0 else { return .unclear }
        let requests = candidate.requests / stable.requests
        // For so many seconds more than its share of the requests says the candidate has what a server costs without them.
        let spareSeconds = candidate.instanceSeconds - stable.instanceSeconds * requests
        // What an equal version would cost, whatever part of it comes without requests: none, or as much as may be.
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

/// How blocks have gone: a gate fails by blocks in a row, so that one that collects garbage, or shares its machine for
/// once, decides nothing.
struct CostRun: Codable, Hashable, Sendable {
    /// So many blocks in a row decide about a pass.
    static let decidingBlocks = 3

    /// In a row, up to the last.
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
