import Testing

@testable import Analysis

@Suite struct BucketBlockTests {
    static func block(_ stable: Int, _ candidate: Int) -> BucketBlock {
        BucketBlock(stable: [stable, 0], candidate: [0, candidate])
    }

    @Test("small blocks wait until both sides have enough values")
    func joins() {
        var blocks = BucketBlockQueue()
        #expect(blocks.take(Self.block(5, 5)).isEmpty)
        #expect(blocks.take(Self.block(20, 1)).isEmpty)
        #expect(blocks.take(Self.block(1, 2)) == [Self.block(26, 8)])
        #expect(blocks.waiting == nil)
    }

    @Test("a large block is judged by itself, after the waiting one; a block of one side says nothing")
    func large() {
        var blocks = BucketBlockQueue()
        #expect(blocks.take(Self.block(3, 3)).isEmpty)
        #expect(blocks.take(Self.block(100, 100)) == [Self.block(3, 3), Self.block(100, 100)])
        #expect(blocks.take(Self.block(0, 5_000)).isEmpty)
        #expect(blocks.take(Self.block(900, 0)).isEmpty)
        #expect(blocks.take(Self.block(900, 0)).isEmpty)
        #expect(blocks.waiting == nil, "what waits too long for the other side is given up")
    }
}
