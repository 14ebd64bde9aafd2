import Testing

@testable import Analysis

@Suite struct BlockQueueTests {
    static func block(_ stable: Double, _ candidate: Double) -> RateBlock {
        RateBlock(stable: Trials(count: stable, successes: 0), candidate: Trials(count: candidate, successes: 1))
    }

    @Test("small blocks wait until both sides have enough")
    func waits() {
        var queue = BlockQueue<RateBlock>()
        for _ in 0..<3 { #expect(queue.admit(Self.block(100, 2)).isEmpty) }
        #expect(queue.admit(Self.block(100, 2)).map(\.candidate) == [Trials(count: 8, successes: 4)])
        #expect(queue.waiting == nil)
    }

    @Test("a block that is large enough is not joined with one that waited")
    func apart() {
        var queue = BlockQueue<RateBlock>()
        _ = queue.admit(Self.block(100, 2))
        #expect(queue.admit(Self.block(90, 10)) == [Self.block(100, 2), Self.block(90, 10)])
        #expect(queue.waiting == nil)
    }

    @Test("a block with more than the limit of one side does not wait")
    func limit() {
        var queue = BlockQueue<RateBlock>()
        _ = queue.admit(Self.block(900, 0))
        #expect(queue.admit(Self.block(900, 0)).map(\.stableCount) == [1_800])
        #expect(queue.waiting == nil)
    }
}
