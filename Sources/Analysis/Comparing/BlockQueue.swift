/// What both sides added between two looks, in terms of size.
protocol PairedBlock: Codable, Hashable, Sendable {
    var stableCount: Double { get }
    var candidateCount: Double { get }

    static func + (left: Self, right: Self) -> Self
}

extension PairedBlock {
    /// Whether both sides have counts. A block with only one side says nothing about their ratio or difference.
    var compares: Bool { stableCount > 0 && candidateCount > 0 }
}

/// Blocks with too few requests of a side wait for the next one: with one or two requests, random exposures would hide
/// what the outcomes say. The rule uses only the counts, so the guarantee holds.
struct BlockQueue<Block: PairedBlock>: Codable, Hashable, Sendable {
    /// The smallest number of requests of each side.
    static var floor: Double { 8 }
    /// A block with more than this of a side neither waits nor is waited for, because it would join requests of
    /// different times.
    static var limit: Double { 1_000 }

    private(set) var waiting: Block?

    /// - Returns: the blocks to judge now, each by itself.
    mutating func admit(_ block: Block) -> [Block] {
        if Self.isReady(block) {
            // The waiting block is from another time, so it is judged by itself.
            defer { waiting = nil }
            return [waiting, block].compactMap { $0 }
        }
        let joined = waiting.map { $0 + block } ?? block
        waiting = Self.isReady(joined) ? nil : joined
        return waiting == nil ? [joined] : []
    }

    /// Drops the waiting block, because it cannot be joined with the next.
    mutating func clear() { waiting = nil }

    private static func isReady(_ block: Block) -> Bool {
        min(block.stableCount, block.candidateCount) >= floor || max(block.stableCount, block.candidateCount) > limit
    }
}
