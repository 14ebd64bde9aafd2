import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct LatencyComparisonTests {
    static func gate(
        _ metric: CompareGate.Metric = .latencyP95, tolerance: Double = 0.1, margin: Double = 0.5
    ) -> CompareGate {
        CompareGate(metric: metric, maxRelativeIncrease: tolerance, passMargin: PassMargin(relative: margin))
    }

    static let quantiles: [(CompareGate.Metric, Double)] = [
        (.latencyP50, 0.5), (.latencyP95, 0.95), (.latencyP99, 0.99),
    ]

    static func counts(_ latency: [Int], bounds: [Double] = [0.1, 0.125, 0.16, 0.2, 0.25]) -> SideCounts {
        SideCounts(requests: latency.last ?? 0, latency: latency, bounds: bounds)
    }

    static func interval(_ stable: SideCounts, _ candidate: SideCounts) -> Interval {
        Interval(at: Date(timeIntervalSinceReferenceDate: 0), stable: stable, candidate: candidate)
    }

    @Test("priors of the grids sum to one")
    func priors() {
        for grid in [AlternativeGrid.slower, .faster, .differences] {
            #expect(abs(grid.alternatives.reduce(0) { $0 + $1.prior } - 1) < 1e-12)
        }
    }

    @Test("evidence of one block agrees with mpmath to nine digits")
    func agreesWithMpmath() {
        // Projections on the line of equal shares are pooled shares; 40 digits.
        var comparison = LatencyComparison(quantile: 0.95)
        comparison.learn(stableHistory: Self.counts([900, 940, 960, 990, 1_000, 1_000]))
        comparison.absorb(
            Self.interval(Self.counts([800, 850, 862, 890, 900, 900]), Self.counts([100, 200, 240, 267, 290, 300])),
            Self.gate())
        // The part of the wealth that is staked on the first start.
        let staked = log(1 - RestartedMixture.later)
        #expect(abs(comparison.logFailEvidence - staked - 21.808234521575192601757) < 1e-6)
        var equal = LatencyComparison(quantile: 0.95)
        equal.learn(stableHistory: Self.counts([900, 940, 960, 990, 1_000, 1_000]))
        equal.absorb(
            Self.interval(Self.counts([800, 850, 862, 890, 900, 900]), Self.counts([270, 280, 290, 296, 299, 300])),
            Self.gate())
        #expect(abs(equal.peakLogPassEvidence - 2.624648230413308709776) < 1e-9)
    }

    /// - Returns: how many of `streams` reached `threshold` with `evidence`.
    static func reached(
        _ threshold: Double, streams: Int, looks: Int, size: Int = 400, seed: UInt64, _ gate: CompareGate,
        quantile: Double, slower: Double, evidence: (LatencyComparison) -> Double
    ) -> Int {
        var count = 0
        for stream in 0..<streams {
            var traffic = LatencyTraffic(seed: seed + UInt64(stream))
            traffic.sigma = [0.25, 0.5, 1][stream % 3]
            var comparison = LatencyComparison(quantile: quantile)
            comparison.learn(stableHistory: traffic.side(2_000, median: 0.050))
            for look in 0..<looks {
                // The load rises with the weight, and jumps once: from there on everything takes three times as long.
                let time = Double(look) / Double(looks)
                let median = 0.050 * (1 + time) * (time > 0.5 ? 3 : 1)
                comparison.absorb(
                    traffic.interval(
                        size: size, weight: 0.05 + 0.45 * time, stable: median, candidate: median * slower), gate)
                if evidence(comparison) >= threshold {
                    count += 1
                    break
                }
            }
        }
        return count
    }

    @Test(
        "stopped at the worst moment, a candidate at the tolerance fails no more often than promised, while the load moves",
        arguments: quantiles)
    func falseRollbacks(metric: CompareGate.Metric, quantile: Double) {
        // 1.25 is the ratio of two edges: the candidate is exactly at the edge of the null, and every look counts.
        let gate = Self.gate(metric, tolerance: 0.25)
        let failures = Self.reached(
            log(1 / 0.2), streams: 60, looks: 60, seed: 100, gate, quantile: quantile, slower: 1.25
        ) { $0.logFailEvidence }
        // At most 12 are expected; even then 22 or more have a probability of 0.002.
        #expect(failures <= 22)
    }

    @Test(
        "stopped at the best moment, a candidate at the pass margin passes no more often than promised",
        arguments: quantiles)
    func missedRegressions(metric: CompareGate.Metric, quantile: Double) {
        let gate = Self.gate(metric, margin: 0.25)
        let passes = Self.reached(
            log(1 / 0.2), streams: 60, looks: 60, seed: 300, gate, quantile: quantile, slower: 1.25
        ) { $0.peakLogPassEvidence }
        #expect(passes <= 22)
    }

    @Test("a candidate that is twice as slow fails, at each quantile", arguments: quantiles)
    func regressionFails(metric: CompareGate.Metric, quantile: Double) {
        let failures = Self.reached(
            log(1 / 0.009), streams: 9, looks: 40, seed: 500, Self.gate(metric), quantile: quantile, slower: 2
        ) { $0.logFailEvidence }
        #expect(failures == 9)
    }

    @Test("an equal candidate passes, at each quantile, while the load moves", arguments: quantiles)
    func equalPasses(metric: CompareGate.Metric, quantile: Double) {
        let passes = Self.reached(
            log(20), streams: 9, looks: 60, seed: 600, Self.gate(metric), quantile: quantile, slower: 1
        ) { $0.peakLogPassEvidence }
        #expect(passes >= 7)
    }

    @Test("a heavier tail beyond the quantile does not fail the gate")
    func tailBeyond() {
        var traffic = LatencyTraffic(seed: 700)
        traffic.stragglers = 0.02
        var p95 = LatencyComparison(quantile: 0.95)
        var p99 = LatencyComparison(quantile: 0.99)
        let history = traffic.side(5_000, median: 0.050)
        p95.learn(stableHistory: history)
        p99.learn(stableHistory: history)
        for _ in 0..<100 {
            let interval = traffic.interval(size: 1_000, weight: 0.3, stable: 0.050, candidate: 0.050)
            p95.absorb(interval, Self.gate(.latencyP95))
            p99.absorb(interval, Self.gate(.latencyP99))
        }
        #expect(p99.logFailEvidence > log(1_000))
        #expect(p95.logFailEvidence < log(1 / 0.009))
    }

    @Test("without a separating edge there is no verdict, and the missing buckets are named")
    func coarse() {
        var comparison = LatencyComparison(quantile: 0.95)
        let bounds = [0.1, 0.25, 1.0]
        comparison.learn(stableHistory: Self.counts([500, 990, 1_000, 1_000], bounds: bounds))
        for _ in 0..<50 {
            comparison.absorb(
                Self.interval(
                    Self.counts([450, 891, 900, 900], bounds: bounds), Self.counts([50, 99, 100, 100], bounds: bounds)),
                Self.gate())
        }
        #expect(comparison.peakLogPassEvidence == 0)
        #expect(
            comparison.impasse(Self.gate())
                == "no latency bucket ends between 250 ms and the pass margin, so the gate cannot pass: use finer "
                + "buckets, or a larger passMargin.relative")
        for _ in 0..<50 {
            comparison.absorb(
                Self.interval(
                    Self.counts([450, 891, 900, 900], bounds: bounds), Self.counts([10, 20, 60, 100], bounds: bounds)),
                Self.gate())
        }
        #expect(comparison.logFailEvidence > log(1_000), "1 s is far enough over 250 ms to fail")
    }

    @Test("a quantile of stable over the last edge is reported, without a conclusion")
    func overLastEdge() {
        var comparison = LatencyComparison(quantile: 0.95)
        comparison.learn(stableHistory: Self.counts([10, 20, 30, 40, 50, 1_000]))
        comparison.absorb(
            Self.interval(Self.counts([0, 0, 0, 0, 0, 900]), Self.counts([0, 0, 0, 0, 0, 100])), Self.gate())
        #expect(
            comparison.impasse(Self.gate())?.hasPrefix("stable's quantile is over the largest latency bucket") == true)
        #expect(abs(comparison.logFailEvidence) < 1e-6)
    }

    @Test("a candidate with other buckets is judged at the common ones, or not at all")
    func otherBuckets() {
        var comparison = LatencyComparison(quantile: 0.95)
        comparison.learn(stableHistory: Self.counts([900, 940, 960, 990, 1_000, 1_000]))
        let stable = Self.counts([810, 846, 864, 891, 900, 900])
        let shared = Self.counts([40, 60, 70, 100], bounds: [0.125, 0.2, 0.25])
        for _ in 0..<20 { comparison.absorb(Self.interval(stable, shared), Self.gate()) }
        #expect(comparison.problem == nil)
        #expect(comparison.window.edges == [0.125, 0.2, 0.25])
        #expect(comparison.logFailEvidence > log(1_000))
        var without = LatencyComparison(quantile: 0.95)
        without.absorb(Self.interval(stable, SideCounts(requests: 100)), Self.gate())
        #expect(without.problem == "candidate's readings have no latency histogram")
        without.absorb(Self.interval(stable, Self.counts([1, 2], bounds: [0.3])), Self.gate())
        #expect(without.problem == "stable and candidate have no latency bucket in common")
    }

    @Test("looks after every request lose nothing but the wait of the first blocks")
    func everyRequest() {
        var traffic = LatencyTraffic(seed: 800)
        var comparison = LatencyComparison(quantile: 0.95)
        comparison.learn(stableHistory: traffic.side(2_000, median: 0.05))
        for _ in 0..<6_000 {
            comparison.absorb(traffic.interval(size: 1, weight: 0.3, stable: 0.05, candidate: 0.1), Self.gate())
        }
        #expect(comparison.logFailEvidence > log(1_000))
    }
}
