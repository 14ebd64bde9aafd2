import ModelManifests

/// What a request of stable costs, over the last hundreds of blocks: the older, the less it counts.
struct UsualCost: Codable, Hashable, Sendable {
    /// A block counts for half of what it did after some forty more.
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

/// What an instance costs without requests, at most: the least share of a core that either side took over some time.
///
/// Of two equal versions the one with less traffic has more of that cost in each request. It cannot be known from its own
/// requests alone; but no instance can cost less than it does without requests, so the least that was seen is a bound.
struct IdleCost: Codable, Hashable, Sendable {
    /// A share of one core; nil: nothing was seen yet, and any share is possible.
    private(set) var bound: Double?
    private var block = CostBlock()

    /// - Parameter seconds: how long each side is looked at, of one instance.
    mutating func absorb(_ added: CostBlock, over seconds: Double) {
        block = block + added
        guard block.stable.instanceSeconds >= seconds, block.candidate.instanceSeconds >= seconds else { return }
        for side in [block.stable, block.candidate] {
            // What clocks of the kernel may have left out belongs to the bound.
            let share = (side.cpuSeconds + CostLevel.resolutionSeconds) / side.instanceSeconds
            bound = min(bound ?? share, (share * 1e6).rounded(.up) / 1e6)
        }
        block = CostBlock()
    }
}
