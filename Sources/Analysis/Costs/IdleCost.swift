import ModelManifests

/// What a request of stable costs, over the last hundreds of blocks. Older blocks count less.
struct TypicalCost: Codable, Hashable, Sendable {
    /// After about forty more blocks, a block counts half.
    private static let keptShare = 63.0 / 64

    private var requests = 0.0
    private var cpuSeconds = 0.0

    /// Nil before any request.
    var perRequest: Double? { requests > 0 ? cpuSeconds / requests : nil }

    mutating func absorb(_ stable: CostCounts) {
        requests = ((requests * Self.keptShare + stable.requests) * 1e3).rounded() / 1e3
        cpuSeconds = ((cpuSeconds * Self.keptShare + stable.cpuSeconds) * 1e6).rounded() / 1e6
    }
}

/// The most that an instance may cost without requests: the smallest share of a core that either side used over some
/// time.
///
/// Of two equal versions, the one with less traffic has more of that cost in each request. The cost cannot be measured
/// from requests alone. But an instance always costs at least what it costs without requests, so the smallest observed
/// share is an upper bound.
struct IdleCost: Codable, Hashable, Sendable {
    /// A share of one core. Nil: nothing was seen yet, and any share is possible.
    private(set) var bound: Double?
    private var block = CostBlock()

    /// - Parameter seconds: how long each side must be observed, in seconds of one instance.
    mutating func absorb(_ added: CostBlock, over seconds: Double) {
        block = block + added
        guard block.stable.instanceSeconds >= seconds, block.candidate.instanceSeconds >= seconds else { return }
        for side in [block.stable, block.candidate] {
            // What the kernel's clock may have missed is part of the bound.
            let share = (side.cpuSeconds + CostLevel.resolutionSeconds) / side.instanceSeconds
            bound = min(bound ?? share, (share * 1e6).rounded(.up) / 1e6)
        }
        block = CostBlock()
    }
}
