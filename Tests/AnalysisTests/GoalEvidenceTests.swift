import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct GoalEvidenceTests {
    static func gate(
        _ better: CounterRatio.Direction = .higher, maximum: Double = 1, error: Double = 0.05, minSamples: Int = 0
    ) -> GoalGate {
        GoalGate(
            quantity: CounterRatio(outcome: "converted", maximum: maximum, better: better), error: error,
            minSamples: minSamples)
    }

    static func evidence(_ gate: GoalGate) -> GateEvidence {
        GateEvidence(spec: GateSpec(name: GoalGate.name, kind: .goal(gate)), alpha: 0)
    }

    static func interval(stable: (Double, of: Double), candidate: (Double, of: Double)) -> Interval {
        func side(_ sum: Double, _ count: Double) -> SideCounts {
            SideCounts(named: ["converted.sum": sum, "converted.count": count])
        }
        return Interval(
            at: Date(timeIntervalSinceReferenceDate: 0), source: MetricSourceName.outcomes,
            stable: side(stable.0, stable.of), candidate: side(candidate.0, candidate.of))
    }

    @Test("the better candidate wins, with the difference in the reason; the worse one loses")
    func winners() {
        var better = Self.evidence(Self.gate())
        better.absorb(Self.interval(stable: (100, of: 2_000), candidate: (200, of: 2_000)), missedRegressionRate: 0.05)
        #expect(better.verdict == .pass)
        #expect(better.samples == 2_000)
        #expect(
            better.reason.hasPrefix(
                "converted 0.1 against stable's 0.05, +0.05 (+100 %), of 2,000 and 2,000 outcomes: candidate wins, "))
        #expect(better.reason.hasSuffix(" to 1 against the candidate being no better"))
        var worse = Self.evidence(Self.gate())
        worse.absorb(Self.interval(stable: (200, of: 2_000), candidate: (100, of: 2_000)), missedRegressionRate: 0.05)
        #expect(worse.verdict == .fail)
        #expect(worse.reason.contains("-0.05 (-50 %)"))
        #expect(worse.reason.contains("stable wins"))
        var lower = Self.evidence(Self.gate(.lower))
        lower.absorb(Self.interval(stable: (200, of: 2_000), candidate: (100, of: 2_000)), missedRegressionRate: 0.05)
        #expect(lower.verdict == .pass)
    }

    @Test("values up to a maximum are means")
    func means() {
        var evidence = Self.evidence(Self.gate(maximum: 50))
        evidence.absorb(
            Self.interval(stable: (20_000, of: 2_000), candidate: (30_000, of: 2_000)), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .pass)
        #expect(evidence.reason.hasPrefix("converted 15 against stable's 10, +5 (+50 %)"))
    }

    @Test("there is no winner before minSamples, and a winner stays")
    func stays() {
        var evidence = Self.evidence(Self.gate(minSamples: 3_000))
        evidence.absorb(
            Self.interval(stable: (100, of: 2_000), candidate: (200, of: 2_000)), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.reason.hasSuffix("1,000 samples to go"))
        evidence.absorb(Self.interval(stable: (50, of: 1_000), candidate: (100, of: 1_000)), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .pass)
        evidence.absorb(Self.interval(stable: (900, of: 1_000), candidate: (0, of: 1_000)), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .pass)
    }

    @Test("a missing outcome is named")
    func absent() {
        var evidence = Self.evidence(Self.gate())
        var interval = Self.interval(stable: (5, of: 90), candidate: (50, of: 90))
        interval.candidate.named = [:]
        evidence.absorb(interval, missedRegressionRate: 0.05)
        #expect(evidence.reason == "candidate has no counter \"converted.count\": not comparable")
        #expect(evidence.verdict == .insufficient)
    }

    @Test("evidence of one block agrees with mpmath to nine digits, in both directions")
    func agreesWithMpmath() {
        // ln e = 3.287952620820764844 for the candidate, −2.026421188016744831 for stable: just under and over the
        // odds. Σ over the grid and the guesses of stable's rate; projections on equal rates are pooled rates; 40
        // digits.
        func verdict(_ error: Double, _ candidateBetter: Bool) -> Verdict {
            var evidence = Self.evidence(Self.gate(candidateBetter ? .higher : .lower, error: error))
            evidence.absorb(
                Self.interval(stable: (20, of: 1_000), candidate: (45, of: 1_000)), missedRegressionRate: 0.05)
            return evidence.verdict
        }
        let error = 2 * exp(-3.287952620820764844)
        #expect(verdict(error * (1 + 1e-9), true) == .pass)
        #expect(verdict(error * (1 - 1e-9), true) == .insufficient)
        #expect(verdict(error * (1 + 1e-9), false) == .fail)
    }

    @Test("equal sides have a winner no more often than the error rate, while weights and base rates change together")
    func falseWinners() {
        var winners = 0
        for seed in 0..<100 {
            var traffic = Traffic(seed: 10_000 + UInt64(seed))
            var evidence = Self.evidence(Self.gate(error: 0.2))
            for look in 0..<100 where evidence.verdict == .insufficient {
                let time = Double(look) / 100
                let rate = 0.02 + 0.3 * time
                let block = traffic.block(size: 200, weight: 0.1 + 0.5 * time, stable: rate, candidate: rate)
                evidence.absorb(
                    Self.interval(
                        stable: (block.stable.successes, of: block.stable.count),
                        candidate: (block.candidate.successes, of: block.candidate.count)), missedRegressionRate: 0.05)
            }
            if evidence.verdict != .insufficient { winners += 1 }
        }
        // At most 20 are expected; even then 33 or more have a probability of 0.001.
        #expect(winners <= 33)
        #expect(winners >= 1, "a test that finds none ever would pass this too")
    }

    @Test("an increase of a tenth is found", arguments: [0.05, 0.3])
    func power(rate: Double) {
        var traffic = Traffic(seed: 10_500)
        var evidence = Self.evidence(Self.gate())
        for _ in 0..<150 where evidence.verdict == .insufficient {
            let block = traffic.block(size: 2_000, weight: 0.5, stable: rate, candidate: rate * 1.1)
            evidence.absorb(
                Self.interval(
                    stable: (block.stable.successes, of: block.stable.count),
                    candidate: (block.candidate.successes, of: block.candidate.count)), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .pass)
    }
}
