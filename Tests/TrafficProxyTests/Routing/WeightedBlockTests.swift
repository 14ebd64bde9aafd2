import TestSupport
import Testing

@testable import TrafficProxy

@Suite struct WeightedBlockTests {
    @Test(
        "every block of 1,000 contains each revision exactly its share",
        arguments: [[100], [95, 5], [1, 99], [50, 0, 50], [33, 33, 34]])
    func exactShares(weights: [Int]) {
        var random = SeededRandom(seed: 7)
        var block = WeightedBlock(weights: weights)
        for _ in 0..<5 {
            var counts = [Int](repeating: 0, count: weights.count)
            for _ in 0..<WeightedBlock.size { counts[block.next(using: &random)] += 1 }
            #expect(counts == weights.map { $0 * 10 })
        }
    }

    @Test("the order is shuffled for every block, and a seed repeats it")
    func newOrder() {
        var random = SeededRandom(seed: 7)
        var again = SeededRandom(seed: 7)
        var block = WeightedBlock(weights: [50, 50])
        var replay = WeightedBlock(weights: [50, 50])
        let first = (0..<1000).map { _ in block.next(using: &random) }
        let second = (0..<1000).map { _ in block.next(using: &random) }
        #expect(first != second)
        #expect(first == (0..<1000).map { _ in replay.next(using: &again) })
    }

    @Test("every tenth of a block contains about a tenth of a revision's share")
    func spread() {
        var random = SeededRandom(seed: 11)
        var block = WeightedBlock(weights: [90, 10])
        let order = (0..<1000).map { _ in block.next(using: &random) }
        for start in stride(from: 0, to: 1000, by: 100) {
            let share = order[start..<start + 100].count { $0 == 1 }
            #expect((1...25).contains(share))
        }
    }
}
