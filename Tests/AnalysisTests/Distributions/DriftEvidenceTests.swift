import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct DriftEvidenceTests {
    static let edges = PredictionBuckets.edges([0.1, 0.5, 0.9])
    static let profile = PredictionProfile(buckets: edges, counts: [4_000, 3_000, 2_000, 1_000])

    static func gate(
        _ distance: DriftGate.Distance = .psi, max: Double = 0.2, minSamples: Int = 200,
        reference: DriftGate.Reference = .profile(profile)
    ) -> DriftGate {
        DriftGate(observe: "score", distance: distance, max: max, reference: reference, minSamples: minSamples)
    }

    static func evidence(_ gate: DriftGate, candidate: [Int], stable: [Int] = []) -> DriftEvidence {
        var evidence = DriftEvidence(gate)
        evidence.absorb(.predictions(stable: stable, candidate: candidate), gate)
        return evidence
    }

    @Test("predictions that match the profile pass, others fail", arguments: DriftGate.Distance.allCases)
    func verdicts(_ distance: DriftGate.Distance) {
        let gate = Self.gate(distance, max: 0.2)
        #expect(Self.evidence(gate, candidate: [400, 300, 200, 100]).verdict(gate) == .pass)
        #expect(Self.evidence(gate, candidate: [100, 200, 300, 400]).verdict(gate) == .fail)
        // Close to the limit: more values are needed.
        #expect(Self.evidence(gate, candidate: [220, 280, 270, 230]).verdict(gate) == .insufficient)
    }

    @Test(
        "with fifty values or more and no drift it never fails, whatever the shares and however often one looks",
        arguments: DriftGate.Distance.allCases, [2, 10, 32])
    func neverByNoise(_ distance: DriftGate.Distance, buckets: Int) {
        let counts = Array(repeating: 300, count: buckets)
        var failures = 0
        for seed in 0..<60 {
            var traffic = Traffic(seed: 51_000 + UInt64(seed))
            var shares = Shares.even(buckets)
            if seed % 2 == 1 { shares = shares.indices.map { $0 == 0 ? 0.9 : 0.1 / Double(buckets - 1) } }
            let recorded = seed % 2 == 1 ? traffic.counts(300 * buckets, shares) : counts
            let profile = PredictionProfile(
                buckets: .edges((1..<buckets).map(Double.init)), counts: recorded)
            let gate = DriftGate(
                observe: "score", distance: distance, max: distance == .psi ? 0.1 : 0.05,
                reference: .profile(profile), minSamples: 50)
            var evidence = DriftEvidence(gate)
            for _ in 0..<20 {
                evidence.absorb(.predictions(stable: [], candidate: traffic.counts(50, shares)), gate)
                if evidence.verdict(gate) == .fail { failures += 1 }
            }
        }
        #expect(failures == 0)
    }

    @Test("fewer values than minSamples decide nothing, however far they are")
    func minSamples() {
        let gate = Self.gate()
        let evidence = Self.evidence(gate, candidate: [0, 0, 0, 199])
        #expect(evidence.verdict(gate) == .insufficient)
        #expect(evidence.reason(gate).hasSuffix("; 1 sample to go"))
    }

    @Test("the reason has the distance, its bounds and what moved most")
    func reason() {
        let gate = Self.gate()
        #expect(DriftEvidence(gate).reason(gate) == "no values of the candidate yet")
        let reason = Self.evidence(gate, candidate: [100, 200, 300, 400]).reason(gate)
        #expect(reason.hasPrefix("population stability index 0.9"))
        #expect(reason.contains(" of 1,000 values, at most 0.2 wanted; "))
        #expect(
            reason.hasSuffix("score ≤ 0.1: 40 % of the profile, 10 % of the candidate")
                || reason.hasSuffix("score > 0.9: 10 % of the profile, 40 % of the candidate"))
        let distance = Self.gate(.jensenShannon)
        #expect(
            Self.evidence(distance, candidate: [100, 200, 300, 400]).reason(distance).hasPrefix(
                "Jensen–Shannon distance 0.3"))
    }

    @Test("a profile with other buckets is a problem, never a verdict")
    func otherBuckets() {
        let gate = Self.gate()
        var evidence = Self.evidence(gate, candidate: [0, 0, 0, 1_000])
        #expect(evidence.verdict(gate) == .fail)
        evidence.absorb(.predictions(stable: [], candidate: [100, 900, 0]), gate)
        #expect(evidence.verdict(gate) == .insufficient)
        #expect(
            evidence.reason(gate)
                == "the profile has other buckets than score (4 and 3): create it again with 'mlctl profile'")
    }

    @Test("a reference with too few values decides nothing")
    func fewInReference() {
        let profile = PredictionProfile(buckets: Self.edges, counts: [10, 10, 10, 9])
        let small = Self.gate(reference: .profile(profile))
        let against = Self.evidence(small, candidate: [0, 0, 0, 1_000])
        #expect(against.verdict(small) == .insufficient)
        #expect(against.reason(small) == "39 values of the profile, but a verdict needs at least 50")
        let stable = Self.gate(reference: .stable)
        let few = Self.evidence(stable, candidate: [0, 0, 0, 1_000], stable: [10, 10, 10, 9])
        #expect(few.verdict(stable) == .insufficient)
        #expect(few.reason(stable) == "39 values of stable, but a verdict needs at least 50")
    }

    @Test("compared with stable, a base that moves with the weight is not drift, and a candidate that differs is")
    func againstStable() {
        let gate = Self.gate(max: 0.05, reference: .stable)
        var equal = DriftEvidence(gate)
        var different = DriftEvidence(gate)
        for look in 0..<40 {
            let time = Double(look) / 40
            var traffic = Traffic(seed: 52_000 + UInt64(look))
            let base = Shares.moved(Shares.even(4), by: 0.4 * time)
            let weight = 0.05 + 0.45 * time
            equal.absorb(
                .predictions(traffic.predictions(size: 1_000, weight: weight, stable: base, candidate: base)), gate)
            let moved = Array(base.reversed())
            different.absorb(
                .predictions(traffic.predictions(size: 1_000, weight: weight, stable: base, candidate: moved)), gate)
        }
        #expect(equal.verdict(gate) == .pass)
        #expect(different.verdict(gate) == .fail)
    }

    @Test("a pass is only as recent as its measurement; a gate with another limit is a new gate")
    func asGate() {
        let spec = GateSpec(name: "drift", kind: .drift(Self.gate()))
        var evidence = GateEvidence(spec: spec, alpha: 0)
        evidence.absorb(.predictions(stable: [], candidate: [400, 300, 200, 100]), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .pass)
        let more = GateSpec(name: "drift", kind: .drift(Self.gate(minSamples: 300)))
        #expect(evidence.adopting(more)?.samples == 1_000)
        let other = GateSpec(name: "drift", kind: .drift(Self.gate(max: 0.3)))
        #expect(evidence.adopting(other) == nil)
        // All values together are still close enough; the latest are not.
        evidence.absorb(.predictions(stable: [], candidate: [100, 200, 300, 400]), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .fail)
        #expect(evidence.reason.contains("of the latest 374 of 2,000 values"))
    }

    @Test("with 32 buckets and millions of values, a gate is under 2 KiB, with a profile or against stable")
    func size() throws {
        var traffic = Traffic(seed: 53)
        let base = Shares.even(32)
        let edges = PredictionBuckets.edges((1..<32).map { Double($0 * 31_247) / 1e6 })
        let profile = PredictionProfile(buckets: edges, counts: traffic.counts(3_000_000, base))
        for gate in [
            DriftGate(observe: "score", reference: .profile(profile)),
            DriftGate(observe: "score", reference: .stable, buckets: edges),
        ] {
            var evidence = GateEvidence(spec: GateSpec(name: "drift", kind: .drift(gate)), alpha: 0)
            for size in [3_000_003, 6] {
                evidence.absorb(
                    .predictions(traffic.predictions(size: size, weight: 0.1, stable: base, candidate: base)),
                    missedRegressionRate: 0.05)
            }
            let bytes = try JSONEncoder().encode(evidence).count
            #expect(bytes < 2_048)
        }
    }
}
