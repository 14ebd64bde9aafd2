/// What both sides added between two looks, as far as its size goes.
protocol PairedBlock: Codable, Hashable, Sendable {
    var stableCount: Double { get }
    var candidateCount: Double { get }

    static func + (left: Self, right: Self) -> Self
}

extension PairedBlock {
    /// A comparison needs both sides: a block with one says nothing about their ratio or difference.
    var compares: Bool { stableCount > 0 && candidateCount > 0 }
}

/// Blocks with too few of either side wait for the next: with one or two requests of a side, chance exposures would hide
/// what the outcomes say. The rule looks at counts alone, so it keeps the promise.
struct BlockQueue<Block: PairedBlock>: Codable, Hashable, Sendable {
    /// Of each side.
    static var floor: Double { 8 }
    /// More than this of a side neither waits nor is waited for: it would join requests of different times.
    static var limit: Double { 1_000 }

    private(set) var waiting: Block?

    /// - Returns: what is to be judged now, each by itself.
    mutating func admit(_ block: Block) -> [Block] {
        if Self.isReady(block) {
            // What waited is of another time, and is judged by itself.
            defer { waiting = nil }
            return [waiting, block].compactMap { $0 }
        }
        let joined = waiting.map { $0 + block } ?? block
        waiting = Self.isReady(joined) ? nil : joined
        return waiting == nil ? [joined] : []
    }

    /// Forgets what waits, for it cannot be joined with what follows.
    mutating func clear() { waiting = nil }

    private static func isReady(_ block: Block) -> Bool {
        min(block.stableCount, block.candidateCount) >= floor || max(block.stableCount, block.candidateCount) > limit
    }
}
