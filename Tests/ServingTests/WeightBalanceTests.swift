import ModelManifests
import Serving
import TestSupport
import Testing

@Suite("Shares if not every revision can answer")
struct WeightBalanceTests {
    private func weights(_ pairs: [(Int, Bool)]) -> [Int] {
        WeightBalance.weights(pairs.map { WeightBalance.Share(weight: $0.0, answers: $0.1) })
    }

    private func served(_ pairs: [(Int, Bool)]) -> [Int] {
        WeightBalance.served(
            pairs.enumerated().map { index, pair in
                RevisionRoute(
                    revision: Revision(rawValue: "\(index)"), weight: pair.0,
                    upstreams: pair.1 ? [Upstream(instance: "i\(index)", port: 1)] : [])
            })
    }

    @Test("the plan's weights stay while every weighted revision answers, or none does")
    func stand() {
        #expect(weights([(95, true), (5, true)]) == [95, 5])
        #expect(weights([(95, false), (5, false)]) == [95, 5])
        #expect(weights([(100, true), (0, false)]) == [100, 0])
        #expect(weights([(0, true), (0, false)]) == [0, 0])
    }

    @Test("the share of a revision that cannot answer goes to those that can")
    func give() {
        #expect(weights([(95, true), (5, false)]) == [100, 0])
        #expect(weights([(95, false), (5, true)]) == [0, 100])
        #expect(weights([(50, false), (25, true), (25, true)]) == [0, 50, 50])
    }

    @Test(
        "whatever is missing, the sum of the weights stays, and only revisions that answer have a weight",
        arguments: 0..<200)
    func sums(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let first = Int.random(in: 0...100, using: &random)
        let second = Int.random(in: 0...(100 - first), using: &random)
        let pairs = [first, second, 100 - first - second].map { ($0, Bool.random(using: &random)) }
        let result = weights(pairs)
        #expect(result.reduce(0, +) == 100)
        if pairs.contains(where: { $0.1 && $0.0 > 0 }) {
            #expect(zip(pairs, result).allSatisfy { $0.1 || $1 == 0 }, "\(pairs) → \(result)")
        }
    }

    @Test(
        "stable without a weight replaces a candidate that has all traffic; a candidate never replaces stable")
    func standsIn() {
        #expect(served([(95, true), (5, false)]) == [100, 0])
        #expect(served([(0, true), (100, false)]) == [100, 0])
        #expect(served([(100, false), (0, true)]) == [100, 0])
        #expect(served([(0, true), (0, true)]) == [0, 0])
        #expect(served([(0, false), (100, false)]) == [0, 100])
        #expect(served([(0, true), (60, false), (40, true)]) == [0, 0, 100])
    }
}
