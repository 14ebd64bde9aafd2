import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct DistributionEvidenceTests {
    static let gate = DistributionGate(observe: "score", maxShift: 0.05, passShift: 0.10)

    static func reason(_ evidence: DistributionEvidence, _ gate: DistributionGate = gate) -> String {
        let verdict = evidence.verdict(gate, alpha: 0.009, missedRegressionRate: 0.05)
        return evidence.reason(gate, verdict: verdict, EvidenceRates(alpha: 0.009, missedRegressionRate: 0.05))
    }

    static func verdict(_ evidence: DistributionEvidence, _ gate: DistributionGate = gate) -> Verdict {
        evidence.verdict(gate, alpha: 0.009, missedRegressionRate: 0.05)
    }

    // MARK: - Guarantees under optional stopping

    @Test(
        "stopped at the worst moment, a shift at the tolerance fails no more often than promised, while the base moves",
        arguments: [4, 10])
    func falseFailures(buckets: Int) {
        let alpha = 0.2
        var failures = 0
        let streams = 120
        for seed in 0..<streams {
            var traffic = Traffic(seed: 41_000 + UInt64(seed))
            var evidence = DistributionEvidence(Self.gate)
            let weight = [0.05, 0.25, 0.5][seed % 3]
            for look in 0..<40 {
                let base = Shares.drifting(buckets, at: Double(look) / 40)
                evidence.absorb(
                    .predictions(
                        traffic.predictions(
                            size: 200, weight: weight, stable: base,
                            candidate: Shares.moved(base, by: Self.gate.maxShift))), Self.gate)
                if evidence.verdict(Self.gate, alpha: alpha, missedRegressionRate: 0.05) == .fail {
                    failures += 1
                    break
                }
            }
        }
        // At most 24 are expected; even then 38 or more have a probability of 0.001.
        #expect(failures <= 38)
        #expect(failures >= 1, "a test that can never fail a candidate would pass this too")
    }

    @Test(
        "an equal candidate does not fail while the weight goes from 5 to 50 % and the base moves; pooled counts would fail it"
    )
    func drift() {
        var failures = 0
        var pooledFailures = 0
        for seed in 0..<20 {
            var traffic = Traffic(seed: 42_000 + UInt64(seed))
            var evidence = DistributionEvidence(Self.gate)
            var total = BucketBlock(stable: [0, 0, 0, 0], candidate: [0, 0, 0, 0])
            for look in 0..<60 {
                let time = Double(look) / 60
                let base = Shares.moved(Shares.even(4), by: 0.3 * time)
                let block = traffic.predictions(
                    size: 1_000, weight: 0.05 + 0.45 * time, stable: base, candidate: base)
                evidence.absorb(.predictions(block), Self.gate)
                total = total + block
            }
            if evidence.verdict(Self.gate, alpha: 0.05, missedRegressionRate: 0.05) == .fail { failures += 1 }
            let pooled = SharePair(
                stable: total.stable.map { Double($0) / Double(total.stableCount) },
                candidate: total.candidate.map { Double($0) / Double(total.candidateCount) })
            if pooled.shift > Self.gate.maxShift { pooledFailures += 1 }
        }
        #expect(failures == 0)
        #expect(pooledFailures == 20, "the streams are such that pooling would see a shift in all")
    }

    @Test("stopped at the best moment, a bucket that differs by the pass margin passes no more often than promised")
    func falsePasses() {
        let rate = 0.2
        var passes = 0
        for seed in 0..<120 {
            var traffic = Traffic(seed: 43_000 + UInt64(seed))
            var evidence = DistributionEvidence(Self.gate)
            let weight = [0.05, 0.25, 0.5][seed % 3]
            for look in 0..<30 {
                let base = Shares.drifting(2, at: Double(look) / 30)
                evidence.absorb(
                    .predictions(
                        traffic.predictions(
                            size: 200, weight: weight, stable: base,
                            candidate: Shares.moved(base, by: Self.gate.passShift))), Self.gate)
            }
            if evidence.verdict(Self.gate, alpha: 0, missedRegressionRate: rate) == .pass { passes += 1 }
        }
        #expect(passes <= 38)
        #expect(passes >= 1)
    }

    // MARK: - Power

    @Test(
        "a shift of 15 points against 5 fails within some hundred of the candidate's values, in the median",
        arguments: [(4, 700), (10, 900), (32, 1_700)])
    func power(buckets: Int, limit: Int) {
        let samples = (0..<9).map { seed -> Int in
            var traffic = Traffic(seed: 44_000 + UInt64(seed))
            var evidence = DistributionEvidence(Self.gate)
            let base = Shares.even(buckets)
            let moved = Shares.moved(base, by: 0.15)
            for _ in 0..<120 {
                evidence.absorb(
                    .predictions(traffic.predictions(size: 200, weight: 0.25, stable: base, candidate: moved)),
                    Self.gate)
                if Self.verdict(evidence) == .fail { return evidence.samples }
            }
            return .max
        }
        #expect(samples.sorted()[4] <= limit)
    }

    @Test("an equal candidate passes", arguments: [(2, 900), (10, 700), (32, 700)])
    func passes(buckets: Int, limit: Int) {
        let samples = (0..<9).map { seed -> Int in
            var traffic = Traffic(seed: 45_000 + UInt64(seed))
            var evidence = DistributionEvidence(Self.gate)
            let base = Shares.even(buckets)
            for _ in 0..<80 {
                evidence.absorb(
                    .predictions(traffic.predictions(size: 200, weight: 0.25, stable: base, candidate: base)),
                    Self.gate)
                if Self.verdict(evidence) == .pass { return evidence.samples }
            }
            return .max
        }
        #expect(samples.sorted()[4] <= limit)
    }

    @Test("a look after every value learns as much as looks at whole blocks")
    func everyValue() {
        var traffic = Traffic(seed: 46)
        var evidence = DistributionEvidence(Self.gate)
        let base = Shares.even(4)
        for _ in 0..<6_000 {
            evidence.absorb(
                .predictions(
                    traffic.predictions(size: 1, weight: 0.5, stable: base, candidate: Shares.moved(base, by: 0.25))),
                Self.gate)
        }
        #expect(Self.verdict(evidence) == .fail)
    }

    @Test("a first block of any size is only learned from")
    func firstBlock() {
        var evidence = DistributionEvidence(Self.gate)
        evidence.absorb(.predictions(stable: [90_000, 10_000], candidate: [9_000, 1_000]), Self.gate)
        #expect(Self.verdict(evidence) == .insufficient)
        evidence.absorb(.predictions(stable: [90_000, 10_000], candidate: [9_000, 1_000]), Self.gate)
        #expect(Self.verdict(evidence) == .pass)
    }

    // MARK: - Text, bounds, invalid input

    static func moved(_ buckets: PredictionBuckets?) -> (DistributionEvidence, DistributionGate) {
        let gate = DistributionGate(observe: "score", buckets: buckets)
        var evidence = DistributionEvidence(gate)
        for _ in 0..<4 {
            evidence.absorb(.predictions(stable: [620, 280, 100], candidate: [82, 70, 48]), gate)
        }
        return (evidence, gate)
    }

    @Test("a failure says what moved, and at which odds")
    func reasons() {
        let (evidence, gate) = Self.moved(.edges([0.1, 0.5]))
        #expect(
            Self.reason(evidence, gate).hasPrefix(
                "score ≤ 0.1: 62 % of stable, 41 % of the candidate; score > 0.5: 10 % of stable, 24 % of the candidate; "
                    + "0.1 < score ≤ 0.5: 28 % of stable, 35 % of the candidate; the shift is about 21 points; "))
        #expect(Self.reason(evidence, gate).hasSuffix(" to 1 against a shift within 5 points"))
        let (unnamed, plain) = Self.moved(nil)
        #expect(Self.reason(unnamed, plain).hasPrefix("score bucket 1 of 3: 62 % of stable, 41 % of the candidate; "))
        let (labels, classes) = Self.moved(.classes(["cat", "dog"]))
        #expect(Self.reason(labels, classes).contains("; score of another class: 10 % of stable"))
    }

    @Test("an undecided gate shows the evidence for both verdicts")
    func undecided() {
        let gate = DistributionGate(observe: "score", minSamples: 500)
        var evidence = DistributionEvidence(gate)
        #expect(Self.reason(evidence, gate) == "no values of the candidate yet")
        evidence.absorb(.predictions(stable: [], candidate: [5, 5]), gate)
        #expect(Self.reason(evidence, gate) == "no values of stable yet")
        for _ in 0..<3 { evidence.absorb(.predictions(stable: [50, 50], candidate: [10, 10]), gate) }
        #expect(
            Self.reason(evidence, gate).hasPrefix("the shift is about 0 points; undecided: ")
                && Self.reason(evidence, gate).contains(" to 1 against a bucket that differs by more than 10 points"))
        #expect(Self.reason(evidence, gate).hasSuffix("(fails at 111 to 1); 430 samples to go"))
    }

    @Test("fewer values than minSamples do not pass, but may fail")
    func minSamples() {
        let gate = DistributionGate(observe: "score", minSamples: 1_000_000)
        var equal = DistributionEvidence(gate)
        var moved = DistributionEvidence(gate)
        for _ in 0..<20 {
            equal.absorb(.predictions(stable: [500, 500], candidate: [100, 100]), gate)
            moved.absorb(.predictions(stable: [500, 500], candidate: [150, 50]), gate)
        }
        #expect(Self.verdict(equal, gate) == .insufficient)
        #expect(Self.verdict(moved, gate) == .fail)
    }

    @Test("an observation that cannot be judged is reported, and is not evidence")
    func badInput() {
        let gate = DistributionGate(observe: "score", buckets: .edges([0.1, 0.5]))
        for (interval, problem) in [
            (
                Interval.predictions(stable: [5, 5, 5], candidate: [5, 5]),
                "stable has 3 buckets of score and the candidate 2"
            ),
            (.predictions(stable: [5, 5], candidate: [5, 5]), "score has 2 buckets, but the manifest has 3"),
            (.predictions(stable: [5], candidate: [5]), "score has 1 buckets, but only 2 to 32 can be judged"),
            (
                .predictions(stable: [-1, 2, 3], candidate: [5, 5, 5]),
                "stable reports a negative count of predictions: not comparable"
            ),
        ] {
            var evidence = DistributionEvidence(gate)
            evidence.absorb(interval, gate)
            #expect(evidence.samples == 0)
            #expect(Self.reason(evidence, gate).hasPrefix(problem))
            #expect(Self.verdict(evidence, gate) == .insufficient)
        }
        var other = DistributionEvidence(gate)
        other.absorb(.predictions(of: "label", stable: [5, 5, 5], candidate: [5, 5, 5]), gate)
        #expect(other.samples == 0)
    }

    @Test("a change of the buckets during a rollout restarts the pass, and keeps the evidence of a shift")
    func otherBuckets() {
        var evidence = DistributionEvidence(Self.gate)
        for _ in 0..<10 { evidence.absorb(.predictions(stable: [500, 500], candidate: [150, 150]), Self.gate) }
        #expect(Self.verdict(evidence) == .pass)
        evidence.absorb(.predictions(stable: [50, 25, 25], candidate: [50, 25, 25]), Self.gate)
        #expect(Self.verdict(evidence) == .insufficient)
        #expect(evidence.samples == 100)
    }

    @Test("with 32 buckets and millions of values, a gate is under 2 KiB, and continues after a restart")
    func size() throws {
        var traffic = Traffic(seed: 47)
        let base = Shares.even(32)
        let edges = PredictionBuckets.edges((1..<32).map { Double($0 * 31_247) / 1e6 })
        let gate = DistributionGate(observe: "score", buckets: edges)
        var evidence = GateEvidence(spec: GateSpec(name: "alike", kind: .distribution(gate)), alpha: 0.009)
        for size in Array(repeating: 50_000, count: 20) + [500, 6] {
            evidence.absorb(
                .predictions(traffic.predictions(size: size, weight: 0.02, stable: base, candidate: base)),
                missedRegressionRate: 0.05)
        }
        let json = try JSONEncoder().encode(evidence)
        #expect(json.count < 2_048)
        let decoded = try JSONDecoder().decode(GateEvidence.self, from: json)
        #expect(decoded == evidence)
    }

    @Test("a gate with another margin keeps its evidence of a shift; a gate with another tolerance is a new gate")
    func adopting() {
        func spec(maxShift: Double = 0.05, passShift: Double = 0.1, edges: [Double] = [0.5]) -> GateSpec {
            GateSpec(
                name: "alike",
                kind: .distribution(
                    DistributionGate(
                        observe: "score", maxShift: maxShift, passShift: passShift, buckets: .edges(edges))))
        }
        var evidence = GateEvidence(spec: spec(), alpha: 0.009)
        for _ in 0..<10 {
            evidence.absorb(.predictions(stable: [500, 500], candidate: [150, 150]), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .pass)
        let wider = evidence.adopting(spec(passShift: 0.2))
        #expect(wider?.verdict == .insufficient)
        #expect(wider?.samples == 3_000)
        #expect(evidence.adopting(spec(maxShift: 0.06)) == nil)
        #expect(evidence.adopting(spec(edges: [0.6])) == nil)
    }
}
