import Foundation
import Testing

@testable import Analysis

@Suite struct RateComparisonTests {
    static func comparison(relative: Double? = 0.1, absolute: Double? = nil) -> RateComparison {
        RateComparison(
            relativeTolerance: relative, absoluteTolerance: absolute, marginRelative: 0.5, marginAbsolute: 0.005)
    }

    static func block(stable: (Double, of: Double), candidate: (Double, of: Double)) -> RateBlock {
        RateBlock(
            stable: Trials(count: stable.of, successes: stable.0),
            candidate: Trials(count: candidate.of, successes: candidate.0))
    }

    @Test("priors of both grids sum to one")
    func priors() {
        for grid in [AlternativeGrid.increases, .acceptable] {
            #expect(abs(grid.alternatives.reduce(0) { $0 + $1.prior } - 1) < 1e-12)
        }
    }

    @Test("requests of one side only are not evidence")
    func oneSided() {
        var comparison = Self.comparison()
        comparison.absorb(Self.block(stable: (0, of: 0), candidate: (900, of: 1_000)))
        comparison.absorb(Self.block(stable: (5, of: 100_000), candidate: (0, of: 0)))
        comparison.absorb(Self.block(stable: (0, of: 0), candidate: (50_000, of: 50_000)))
        #expect(comparison.logFailEvidence == 0)
        #expect(comparison.peakLogPassEvidence == 0)
    }

    @Test("a look after every request learns as much as looks at whole blocks")
    func everyRequest() {
        var single = Self.comparison()
        var traffic = Traffic(seed: 3)
        for _ in 0..<20_000 {
            single.absorb(traffic.block(size: 1, weight: 0.25, stable: 0.01, candidate: 0.04))
        }
        #expect(single.logFailEvidence > log(1000))
    }

    @Test(
        "counts are never pooled: a base rate that rises with the weight does not fail a candidate that is always equal"
    )
    func simpson() {
        let early = Self.block(stable: (475, of: 95_000), candidate: (25, of: 5_000))
        let late = Self.block(stable: (1_500, of: 50_000), candidate: (1_500, of: 50_000))
        var kept = Self.comparison()
        kept.absorb(early)
        kept.absorb(late)
        #expect(kept.logFailEvidence < 0)
        // The same counts as one block: pooling would have concluded this.
        var pooled = Self.comparison()
        pooled.absorb(early + late)
        #expect(pooled.logFailEvidence > log(1e6))
    }

    @Test(
        "while the weight goes from 5 to 50 % and the base from 0.5 to 3 %, few healthy candidates fail, and none by pooling"
    )
    func drift() {
        let threshold = log(1 / 0.05)
        var failures = 0
        var pooledFailures = 0
        for seed in 0..<40 {
            var traffic = Traffic(seed: UInt64(seed))
            var comparison = Self.comparison()
            var total = RateBlock.empty
            for step in 0..<200 {
                let time = Double(step) / 200
                let base = 0.005 + 0.025 * time
                let block = traffic.block(size: 2_000, weight: 0.05 + 0.45 * time, stable: base, candidate: base)
                comparison.absorb(block)
                total = total + block
            }
            if comparison.logFailEvidence >= threshold { failures += 1 }
            var pooled = Self.comparison()
            pooled.absorb(total)
            if pooled.logFailEvidence >= threshold { pooledFailures += 1 }
        }
        #expect(failures <= 2)
        #expect(pooledFailures > 35, "the streams are such that pooling would fail nearly all")
    }

    @Test(
        "stopped at the worst moment, a candidate at the tolerance fails no more often than promised",
        arguments: [true, false])
    func falseRollbacks(isTargeted: Bool) {
        let alpha = 0.2
        var failures = 0
        for seed in 0..<150 {
            var traffic = Traffic(seed: 1_000 + UInt64(seed))
            var comparison = Self.comparison()
            let (weight, base) = ([0.05, 0.25, 0.5][seed % 3], [0.01, 0.05, 0.2][seed / 3 % 3])
            for _ in 0..<100 {
                comparison.absorb(
                    traffic.block(size: 200, weight: weight, stable: base, candidate: 1.1 * base),
                    target: isTargeted ? log(1 / alpha) : .infinity)
                if comparison.logFailEvidence >= log(1 / alpha) {
                    failures += 1
                    break
                }
            }
        }
        // At most 30 are expected; even then 45 or more have a probability of 0.001.
        #expect(failures <= 45)
        #expect(failures >= 1, "a test that can never fail a candidate would pass this too")
    }

    @Test("stopped at the best moment, a candidate at the pass margin passes no more often than promised")
    func missedRegressions() {
        let rate = 0.2
        var passes = 0
        for seed in 0..<150 {
            var traffic = Traffic(seed: 2_000 + UInt64(seed))
            var comparison = Self.comparison()
            let (weight, base) = ([0.05, 0.25, 0.5][seed % 3], [0.0, 0.01, 0.05][seed / 3 % 3])
            for _ in 0..<60 {
                comparison.absorb(
                    traffic.block(
                        size: 200, weight: weight, stable: base, candidate: max(1.5 * base, base + 0.005)))
            }
            if comparison.peakLogPassEvidence >= log(1 / rate) { passes += 1 }
        }
        #expect(passes <= 45)
        #expect(passes >= 1)
    }

    @Test("within either tolerance is within tolerance")
    func eitherTolerance() {
        // From 0.1 % to 0.3 %: three times as much, but only 0.2 points more.
        let block = Self.block(stable: (95, of: 95_000), candidate: (90, of: 30_000))
        var relative = Self.comparison(relative: 0.1)
        relative.absorb(block)
        #expect(relative.logFailEvidence > log(1000))
        var both = Self.comparison(relative: 0.1, absolute: 0.005)
        both.absorb(block)
        #expect(both.logFailEvidence < 0)
        // From 0.1 % to 2 %: beyond both.
        both.absorb(Self.block(stable: (95, of: 95_000), candidate: (100, of: 5_000)))
        #expect(both.logFailEvidence > log(1000))
    }

    @Test("without any tolerance, every increase is tested")
    func noTolerance() {
        let comparison = RateComparison(
            relativeTolerance: nil, absoluteTolerance: nil, marginRelative: 0.5, marginAbsolute: 0.005)
        #expect(comparison.relativeTolerance == 0)
    }

    @Test(
        "blocks in another order reach nearly the same evidence: only the estimate of the base rate depends on the order"
    )
    func order() {
        var traffic = Traffic(seed: 5)
        let blocks = (0..<60).map { _ in
            traffic.block(size: 400, weight: 0.2, stable: 0.02, candidate: 0.04)
        }
        var forward = Self.comparison()
        var backward = Self.comparison()
        for block in blocks { forward.absorb(block) }
        for block in blocks.reversed() { backward.absorb(block) }
        #expect(abs(forward.logFailEvidence - backward.logFailEvidence) < 0.15 * abs(forward.logFailEvidence))
    }

    @Test("a block that waits too long for the other side is dropped, not joined with a later time")
    func waitingLimit() {
        var comparison = Self.comparison()
        for _ in 0..<4 { comparison.absorb(Self.block(stable: (0, of: 0), candidate: (3_000, of: 6_000))) }
        // Equal from here on: the errors above must not count.
        for _ in 0..<10 { comparison.absorb(Self.block(stable: (4, of: 400), candidate: (1, of: 100))) }
        #expect(comparison.logFailEvidence < 1)
    }

    @Test("an equal pair at 1 % errors and weight 25 % passes within 20,000 requests, in the median")
    func passes() {
        let totals = (0..<15).map { seed -> Int in
            var traffic = Traffic(seed: 4_000 + UInt64(seed))
            var comparison = Self.comparison()
            for look in 1...200 {
                comparison.absorb(traffic.block(size: 400, weight: 0.25, stable: 0.01, candidate: 0.01))
                if comparison.peakLogPassEvidence >= log(20) { return look * 400 }
            }
            return .max
        }
        #expect(totals.sorted()[7] <= 20_000)
    }

    @Test("without any errors a pass needs at most 1,200 requests of the candidate", arguments: [0.05, 0.25, 0.5])
    func passesWithoutErrors(weight: Double) {
        var comparison = Self.comparison()
        var candidate = 0.0
        while comparison.peakLogPassEvidence < log(20), candidate < 5_000 {
            comparison.absorb(Self.block(stable: (0, of: 200 * (1 - weight)), candidate: (0, of: 200 * weight)))
            candidate += 200 * weight
        }
        #expect(candidate <= 1_200)
    }

    /// Medians of Wald's SPRT (rate 0.01, power 0.95, the candidate's true rate against 1.1 × stable's) over 12,000
    /// streams.
    @Test(
        "a regression fails within twice the samples of Wald's SPRT, in the median",
        arguments: [
            (0.01, 0.03, 0.05, 345.0), (0.01, 0.03, 0.25, 345), (0.01, 0.02, 0.10, 1306), (0.05, 0.10, 0.25, 247),
            (0.001, 0.01, 0.25, 337),
        ])
    func speed(stable: Double, candidate: Double, weight: Double, sprt: Double) {
        let samples = (0..<21).map { seed -> Double in
            var traffic = Traffic(seed: 5_000 + UInt64(seed))
            var comparison = Self.comparison()
            var sent = 0.0
            while sent < 10 * sprt {
                let block = traffic.block(size: 100, weight: weight, stable: stable, candidate: candidate)
                sent += block.candidate.count
                comparison.absorb(block, target: log(1 / 0.009))
                if comparison.logFailEvidence >= log(1 / 0.009) { return sent }
            }
            return .infinity
        }
        // The goal is 2.0 over many streams. The median of 21 streams has a spread of a fifth.
        #expect(samples.sorted()[10] <= 2.4 * sprt)
    }

    @Test("numbers stay finite over blocks of any size")
    func finite() {
        var comparison = Self.comparison(relative: 0.1, absolute: 0.01)
        for block in [
            Self.block(stable: (1e9, of: 1e9), candidate: (0, of: 1e9)),
            Self.block(stable: (0, of: 1e9), candidate: (1e9, of: 1e9)),
            Self.block(stable: (0.5, of: 1), candidate: (0.5, of: 1e6)),
            Self.block(stable: (0, of: 1e9), candidate: (0, of: 10)),
        ] {
            comparison.absorb(block)
            #expect(comparison.logFailEvidence.isFinite)
            #expect(comparison.peakLogPassEvidence.isFinite)
        }
    }
}
