import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct AgreementEvidenceTests {
    static func evidence(
        _ metric: AgreementGate.Metric = .agreement(min: 0.99), margin: Double = 0.01, minSamples: Int = 0,
        alpha: Double = 0.009
    ) -> GateEvidence {
        let gate = AgreementGate(metric: metric, passMargin: margin, minSamples: minSamples)
        return GateEvidence(spec: GateSpec(name: "alike", kind: .agreement(gate)), alpha: alpha)
    }

    static func interval(_ pairs: Int, disagreements: Int = 0, distance: Double = 0) -> Interval {
        Interval(
            at: Date(timeIntervalSinceReferenceDate: 0), stable: SideCounts(),
            candidate: SideCounts(
                pairs: PairCounts(pairs: pairs, disagreements: disagreements, distance: distance)))
    }

    @Test("too many disagreements fail, and the reason has the numbers")
    func fails() {
        var evidence = Self.evidence()
        evidence.absorb(Self.interval(400, disagreements: 40), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .fail)
        #expect(evidence.samples == 400)
        #expect(
            evidence.reason
                == "360 of 400 pairs agree (90 %); over a million to 1 against agreement of at least 99 %")
    }

    @Test("pairs that agree pass once less agreement is excluded, but not before minSamples")
    func passes() {
        var evidence = Self.evidence(minSamples: 600)
        for _ in 0..<5 { evidence.absorb(Self.interval(100), missedRegressionRate: 0.05) }
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.reason.hasSuffix("100 samples to go"))
        evidence.absorb(Self.interval(100), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .pass)
        #expect(
            evidence.reason.hasPrefix("600 of 600 pairs agree (100 %); ")
                && evidence.reason.hasSuffix(" to 1 against agreement of at most 98 %"))
    }

    @Test("distances are means of values in 0…1")
    func distance() {
        var far = Self.evidence(.distance(max: 0.02))
        far.absorb(Self.interval(500, distance: 40), missedRegressionRate: 0.05)
        #expect(far.verdict == .fail)
        #expect(
            far.reason.hasPrefix("mean distance 0.08 of 500 pairs; ")
                && far.reason.hasSuffix(" to 1 against a mean distance of at most 0.02"))
        var near = Self.evidence(.distance(max: 0.02))
        for _ in 0..<20 { near.absorb(Self.interval(100, distance: 0.5), missedRegressionRate: 0.05) }
        #expect(near.verdict == .pass)
    }

    @Test("missing or invalid pairs are not evidence")
    func none() {
        var evidence = Self.evidence()
        evidence.absorb(Self.interval(0), missedRegressionRate: 0.05)
        #expect(evidence.reason == "no pairs of answers yet")
        evidence.absorb(Self.interval(5, disagreements: 6), missedRegressionRate: 0.05)
        #expect(evidence.reason == "candidate reports more disagreements than pairs: not comparable")
        #expect(evidence.samples == 0)
    }

    @Test("evaluated after every pair, agreement at its bound fails no more often than promised")
    func falseRollbacks() {
        var failures = 0
        for seed in 0..<120 {
            var traffic = Traffic(seed: 9_000 + UInt64(seed))
            let rate = [0.01, 0.1, 0.4][seed % 3]
            var evidence = Self.evidence(.agreement(min: 1 - rate), alpha: 0.2)
            for _ in 0..<400 where evidence.verdict != .fail {
                let disagrees = traffic.uniform() < rate
                evidence.absorb(Self.interval(1, disagreements: disagrees ? 1 : 0), missedRegressionRate: 1e-9)
            }
            if evidence.verdict == .fail { failures += 1 }
        }
        // At most 24 are expected; even then 38 or more have a probability of 0.001.
        #expect(failures <= 38)
        #expect(failures >= 1, "a test that can never fail would pass this too")
    }

    @Test("beyond the bound by the margin, it passes no more often than promised")
    func missedRegressions() {
        var passes = 0
        for seed in 0..<120 {
            var traffic = Traffic(seed: 9_500 + UInt64(seed))
            let bound = [0.0, 0.01, 0.1][seed % 3]
            var evidence = Self.evidence(.agreement(min: 1 - bound), margin: 0.02, alpha: 1e-9)
            for _ in 0..<200 where evidence.verdict != .pass {
                evidence.absorb(
                    Self.interval(10, disagreements: traffic.successes(10, rate: bound + 0.02)),
                    missedRegressionRate: 0.2)
            }
            if evidence.verdict == .pass { passes += 1 }
        }
        #expect(passes <= 38)
        #expect(passes >= 1)
    }
}
