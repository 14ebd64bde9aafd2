import ModelManifests
import Testing

@testable import Analysis

@Suite struct DistanceBoundsTests {
    static func sample(_ counts: [Int]) -> BucketSample {
        BucketSample(counts: counts.map(Double.init), size: Double(counts.reduce(0, +)))
    }

    static let skewed = [0.9] + Array(repeating: 0.1 / 9, count: 9)

    @Test(
        "the estimate has no bias, with drift or without",
        arguments: DriftGate.Distance.allCases, [0.0, 0.15])
    func unbiased(_ distance: DriftGate.Distance, shift: Double) {
        var traffic = Traffic(seed: 31)
        let base = Shares.even(10)
        let moved = Shares.moved(base, by: shift)
        let truth = distance == .psi ? PSI.divergence(moved, base) : JensenShannon.divergence(moved, base)
        let rounds = 400
        var sum = 0.0
        for _ in 0..<rounds {
            let bounds = DistanceBounds(
                distance, candidate: Self.sample(traffic.counts(600, moved)),
                reference: Self.sample(traffic.counts(2_400, base)))
            sum += distance == .psi ? bounds.estimate : bounds.estimate * bounds.estimate
        }
        let scale = distance == .psi ? 1 : JensenShannon.nearScale
        // Cut off at 0, the estimate without drift has a mean of about 0.4 deviations, √(2 · 9) (1/600 + 1/2400).
        let noise = 18.0.squareRoot() * (1 / 600.0 + 1 / 2_400.0) * scale
        #expect(abs(sum / Double(rounds) - truth) < (shift == 0 ? 0.5 : 0.4) * noise)
    }

    @Test(
        "the truth lies within the bounds nearly always",
        arguments: DriftGate.Distance.allCases, [Shares.even(2), Shares.even(10), Shares.even(32), skewed])
    func coverage(_ distance: DriftGate.Distance, base: [Double]) {
        var misses = 0
        for seed in 0..<300 {
            var traffic = Traffic(seed: 3_000 + UInt64(seed))
            let moved = Shares.moved(base, by: [0, 0.05, 0.2][seed % 3] * base[0..<base.count / 2].reduce(0, +))
            let truth = distance == .psi ? PSI.divergence(moved, base) : JensenShannon.distance(moved, base)
            let size = [50, 200, 2_000][seed / 3 % 3]
            let bounds = DistanceBounds(
                distance, candidate: Self.sample(traffic.counts(size, moved)),
                reference: Self.sample(traffic.counts(3 * size, base)))
            if !(bounds.lower...bounds.upper).contains(truth) { misses += 1 }
        }
        #expect(misses <= 2)
    }

    @Test("no bucket breaks it: empty on one side, on both, or with all values")
    func emptyBuckets() {
        let pairs: [([Int], [Int])] = [
            ([100, 0, 0], [0, 0, 5_000]), ([50, 0, 0], [1, 0, 0]), ([1, 0], [0, 1]), ([1_000_000, 1], [1, 1_000_000]),
        ]
        for distance in DriftGate.Distance.allCases {
            for (candidate, reference) in pairs {
                let bounds = DistanceBounds(
                    distance, candidate: Self.sample(candidate), reference: Self.sample(reference))
                #expect(bounds.lower.isFinite && bounds.upper.isFinite)
                #expect(bounds.lower <= bounds.estimate && bounds.estimate <= bounds.upper)
            }
        }
    }

    @Test("a value that is rare on both sides is not drift, however large the reference")
    func rareValue() {
        let bounds = DistanceBounds(
            .psi, candidate: Self.sample([198, 1, 1, 0]), reference: Self.sample([999_990, 5, 3, 2]))
        #expect(bounds.lower < 0.02)
    }
}
