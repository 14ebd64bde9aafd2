import Foundation
import TestSupport
import Testing

@Suite("Seeded draws")
struct SeededDrawsTests {
    /// One draw for each of the two methods, and one with a probability over a half.
    @Test(
        "binomial draws have the right frequencies",
        arguments: [(40, 0.1), (1_000, 0.001), (60, 0.4), (5_000, 0.01), (80, 0.9)])
    func binomial(count: Int, rate: Double) {
        var draws = SeededDraws(seed: 7)
        let rounds = 40_000
        var found = [Int](repeating: 0, count: count + 1)
        for _ in 0..<rounds { found[draws.binomial(count, rate)] += 1 }
        // Pearson's statistic over the values that are expected ten times or more.
        var (statistic, cells, logChance) = (0.0, 0, Double(count) * log1p(-rate))
        for number in 0...count {
            let expected = exp(logChance) * Double(rounds)
            if expected >= 10 {
                statistic += (Double(found[number]) - expected) * (Double(found[number]) - expected) / expected
                cells += 1
            }
            logChance += log(Double(count - number) / Double(number + 1)) + log(rate / (1 - rate))
        }
        let spread = (2 * Double(cells)).squareRoot()
        #expect(cells > 3)
        #expect(statistic < Double(cells) + 4 * spread, "seed 7")
    }

    @Test("binomial draws with probability 0 and 1 are certain")
    func edges() {
        var draws = SeededDraws(seed: 1)
        #expect(draws.binomial(0, 0.5) == 0)
        #expect(draws.binomial(100, 0) == 0)
        #expect(draws.binomial(100, 1) == 100)
        #expect(draws.binomial(400_000, 0.5) > 195_000)
    }

    @Test("the buckets hold all draws, in proportion")
    func buckets() {
        var draws = SeededDraws(seed: 2)
        let found = draws.buckets(100_000, [0.5, 0, 0.3, 0.2])
        #expect(found.reduce(0, +) == 100_000)
        #expect(found[1] == 0)
        #expect(abs(found[0] - 50_000) < 800)
        #expect(abs(found[2] - 30_000) < 800)
    }

    @Test("the same seed gives the same draws")
    func seeded() {
        var (one, other) = (SeededDraws(seed: 3), SeededDraws(seed: 3))
        let pairs = (0..<100).map { _ in (one.pareto(shape: 1.2, limit: 50), other.pareto(shape: 1.2, limit: 50)) }
        #expect(pairs.allSatisfy { $0.0 == $0.1 && (1...50).contains($0.0) })
    }
}
