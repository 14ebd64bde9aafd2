import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct CompareEvidenceTests {
    static func evidence(_ gate: CompareGate, alpha: Double = 0.009) -> GateEvidence {
        GateEvidence(spec: GateSpec(name: "gate", kind: .compare(gate)), alpha: alpha)
    }

    static func ratio(
        of: String = "timeouts", per: String = "requests", maximum: Double = 1,
        better: CounterRatio.Direction = .lower
    ) -> CompareGate {
        CompareGate(
            .counters(CounterRatio(source: "server", of: of, per: per, maximum: maximum, better: better)))
    }

    static func interval(
        _ stable: [String: Double], _ candidate: [String: Double], source: String = "server"
    ) -> Interval {
        Interval(
            at: Date(timeIntervalSinceReferenceDate: 0), source: source, stable: SideCounts(named: stable),
            candidate: SideCounts(named: candidate))
    }

    @Test("a ratio of counters is compared like errors, with the names of the counters")
    func ratios() {
        var evidence = Self.evidence(Self.ratio())
        evidence.absorb(
            Self.interval(["timeouts": 96, "requests": 9_180], ["timeouts": 31, "requests": 1_020]),
            missedRegressionRate: 0.05)
        #expect(evidence.verdict == .fail)
        #expect(evidence.samples == 1_020)
        #expect(
            evidence.reason.hasPrefix(
                "candidate 31 timeouts of 1,020 requests (3.04 %), stable 96 timeouts of 9,180 requests (1.05 %), "
                    + "ratio 2.91; "))
        #expect(evidence.reason.hasSuffix(" to 1 against being within tolerance"))
    }

    @Test("a mean of values up to a maximum is compared as a share of it")
    func means() {
        var evidence = Self.evidence(Self.ratio(of: "tokens", per: "answers", maximum: 4_000))
        evidence.absorb(
            Self.interval(["tokens": 400_000, "answers": 1_000], ["tokens": 480_000, "answers": 400]),
            missedRegressionRate: 0.05)
        #expect(evidence.verdict == .fail)
        #expect(evidence.reason.hasPrefix("candidate mean tokens 1200 of 400 answers, stable mean tokens 400 of 1,000"))
    }

    @Test("if higher is better, the shortfall must not grow")
    func higher() {
        var worse = Self.evidence(Self.ratio(of: "correct", per: "judged", better: .higher))
        worse.absorb(
            Self.interval(["correct": 4_750, "judged": 5_000], ["correct": 400, "judged": 500]),
            missedRegressionRate: 0.05)
        #expect(worse.verdict == .fail)
        #expect(worse.reason.hasPrefix("candidate 400 correct of 500 judged (80 %), stable 4,750 correct of 5,000"))
        #expect(worse.reason.contains("ratio of shortfalls 4;"))
        var better = Self.evidence(Self.ratio(of: "correct", per: "judged", better: .higher))
        for _ in 0..<40 {
            better.absorb(
                Self.interval(["correct": 475, "judged": 500], ["correct": 196, "judged": 200]),
                missedRegressionRate: 0.05)
        }
        #expect(better.verdict == .pass)
    }

    @Test("a tolerance or margin that no shortfall can exceed is reported, and nothing passes because of it")
    func impasse() {
        var evidence = Self.evidence(Self.ratio(of: "bought", per: "visits", better: .higher))
        for _ in 0..<20 {
            evidence.absorb(
                Self.interval(["bought": 20, "visits": 1_000], ["bought": 2, "visits": 100]),
                missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .insufficient)
        #expect(
            evidence.reason.contains(
                "no candidate can be beyond the tolerance: set only maxAbsoluteIncrease, and a smaller"))
    }

    @Test("a sum that grows by more than its maximum per unit is invalid, and not evidence")
    func impossible() {
        var evidence = Self.evidence(Self.ratio())
        evidence.absorb(
            Self.interval(["timeouts": 9, "requests": 900], ["timeouts": 101, "requests": 100]),
            missedRegressionRate: 0.05)
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.samples == 0)
        #expect(
            evidence.reason
                == "candidate reports 101 of \"timeouts\" in 100 of \"requests\", of which each can add 1 at most: not "
                + "comparable")
    }

    @Test("numbers too large for counts are refused, and the evidence can still be stored")
    func enormous() throws {
        var evidence = Self.evidence(Self.ratio())
        evidence.absorb(
            Self.interval(["timeouts": 1, "requests": 1e300], ["timeouts": 1, "requests": 1e300]),
            missedRegressionRate: 0.05)
        #expect(evidence.reason.hasSuffix("of \"requests\" at once: not comparable"))
        evidence.absorb(
            Self.interval(["timeouts": 1e15, "requests": 1e15], ["timeouts": 0, "requests": 1e15]),
            missedRegressionRate: 0.05)
        let size = try JSONEncoder().encode(evidence).count
        #expect(size < 2_048)
    }

    @Test("at a rate that no candidate can exceed by the margin, nothing passes")
    func emptyPass() {
        var evidence = Self.evidence(CompareGate(metric: .errors))
        for _ in 0..<50 {
            evidence.absorb(.errors(stable: (720, of: 900), candidate: (80, of: 100)), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.reason.contains("no candidate can be beyond the pass margin"))
    }

    @Test("a counter that a side lacks is named, and there is no conclusion however strong the evidence")
    func absent() {
        var evidence = Self.evidence(Self.ratio())
        for _ in 0..<50 {
            evidence.absorb(
                Self.interval(["requests": 900], ["timeouts": 50, "requests": 100]), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.reason == "stable has no counter \"timeouts\": not comparable")
        // The counter existed before with the value 0, so its first count is evidence.
        evidence.absorb(
            Self.interval(["timeouts": 1, "requests": 900], ["timeouts": 50, "requests": 100]),
            missedRegressionRate: 0.05)
        #expect(evidence.verdict == .fail)
    }

    @Test("intervals of another source are ignored")
    func sources() {
        var evidence = Self.evidence(Self.ratio())
        evidence.absorb(
            Self.interval(["timeouts": 9, "requests": 900], ["timeouts": 99, "requests": 100], source: "prometheus"),
            missedRegressionRate: 0.05)
        #expect(evidence.reason == "no data yet")
    }

    static func withSynthetic(_ stable: (Int, of: Int), _ candidate: (Int, of: Int)) -> Interval {
        var interval = Interval.errors(stable: (0, of: 0), candidate: (0, of: 0))
        interval.stable.synthetic = RequestStratum(requests: stable.of, errors: stable.0)
        interval.candidate.synthetic = RequestStratum(requests: candidate.of, errors: candidate.0)
        return interval
    }

    @Test("synthetic requests decide if users are few, and are shown separately")
    func synthetic() {
        var evidence = Self.evidence(CompareGate(metric: .errors))
        var interval = Self.withSynthetic((5, of: 500), (60, of: 500))
        interval.stable.requests = 90
        interval.candidate.requests = 10
        evidence.absorb(interval, missedRegressionRate: 0.05)
        #expect(evidence.verdict == .fail)
        #expect(evidence.samples == 510)
        #expect(
            evidence.reason.hasPrefix(
                "candidate 0 errors of 10 (0 %) and of synthetic requests 60 errors of 500 (12 %), stable 0 errors of 90 "
                    + "(0 %) and of synthetic requests 5 errors of 500 (1 %); over a million to 1 against being within tolerance"
            ))
    }

    @Test("synthetic requests are a separate stratum: many of them on one side do not change the comparison of users")
    func strata() {
        // Synthetic requests fail at 20 % on both sides, users' requests at 1 %. Most of the candidate's are synthetic.
        var apart = Self.evidence(CompareGate(metric: .errors))
        var pooled = Self.evidence(CompareGate(metric: .errors))
        for _ in 0..<20 {
            var interval = Self.withSynthetic((2, of: 10), (40, of: 200))
            (interval.stable.requests, interval.stable.errors) = (900, 9)
            (interval.candidate.requests, interval.candidate.errors) = (100, 1)
            apart.absorb(interval, missedRegressionRate: 0.05)
            pooled.absorb(.errors(stable: (11, of: 910), candidate: (41, of: 300)), missedRegressionRate: 0.05)
        }
        #expect(pooled.verdict == .fail)
        #expect(apart.verdict != .fail)
    }

    @Test("small blocks of the two strata wait separately and are never joined")
    func waiting() throws {
        var evidence = Self.evidence(CompareGate(metric: .errors))
        for _ in 0..<200 {
            // Each interval has users on stable only and synthetic requests on the candidate only.
            var interval = Self.withSynthetic((0, of: 0), (5, of: 5))
            interval.stable.requests = 20
            evidence.absorb(interval, missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .insufficient)
    }

    @Test("a slow gate and a quantile gate judge synthetic requests too")
    func syntheticLatency() {
        for metric in [CompareGate.Metric.slow, .latencyP95] {
            var evidence = Self.evidence(CompareGate(metric: metric))
            var traffic = LatencyTraffic(seed: 31)
            for _ in 0..<30 {
                func side(_ median: Double) -> SideCounts {
                    let counts = traffic.side(100, median: median)
                    var side = SideCounts(
                        latency: Array(repeating: 0, count: counts.latency.count), bounds: counts.bounds)
                    side.synthetic = RequestStratum(requests: 100, latency: counts.latency)
                    return side
                }
                evidence.absorb(
                    Interval(
                        at: Date(timeIntervalSinceReferenceDate: 0), stable: side(0.05), candidate: side(0.12)),
                    missedRegressionRate: 0.05)
            }
            #expect(evidence.verdict == .fail, "\(metric)")
        }
    }

    @Test("a quantile gate shows the buckets of both sides")
    func latencyWords() {
        var evidence = Self.evidence(CompareGate(metric: .latencyP99))
        #expect(evidence.reason == "no data yet")
        var traffic = LatencyTraffic(seed: 32)
        evidence.absorb(
            traffic.interval(size: 100, weight: 0.5, stable: 0.045, candidate: 0.045), missedRegressionRate: 0.05)
        #expect(evidence.reason == "waiting for 500 requests of stable to choose the latency buckets")
        for _ in 0..<40 {
            evidence.absorb(
                traffic.interval(size: 1_000, weight: 0.25, stable: 0.045, candidate: 0.09), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .fail)
        let words =
            /candidate p99 between [0-9]+ and [0-9]+ ms of [0-9,]+ requests, stable p99 between 125 and 160 ms of [0-9,]+ requests; .+ to 1 against being within tolerance/
        #expect(evidence.reason.wholeMatch(of: words) != nil, "\(evidence.reason)")
    }

    @Test("a changed margin restarts a quantile's pass, and nothing else")
    func margin() {
        let gate = CompareGate(metric: .latencyP95)
        var judgement = Judgement(
            gates: [GateSpec(name: "p95", kind: .compare(gate))], falseRollbackRate: 0.01, missedRegressionRate: 0.05,
            startedAt: Date(timeIntervalSinceReferenceDate: 0))
        var traffic = LatencyTraffic(seed: 33)
        judgement.learn(stableHistory: traffic.side(2_000, median: 0.05))
        for _ in 0..<30 {
            judgement.absorb(traffic.interval(size: 1_000, weight: 0.3, stable: 0.05, candidate: 0.05))
        }
        #expect(judgement.verdict == .pass)
        let samples = judgement.evidence[0].samples
        var stricter = gate
        stricter.passMargin = PassMargin(relative: 0.3)
        judgement.update(gates: [GateSpec(name: "p95", kind: .compare(stricter))])
        judgement.absorb(traffic.interval(size: 20, weight: 0.3, stable: 0.05, candidate: 0.05))
        #expect(judgement.verdict == .insufficient)
        #expect(judgement.evidence[0].samples > samples)
    }

    @Test("means of bounded values at the tolerance fail no more often than promised, while weights and means change")
    func boundedMeans() {
        var failures = 0
        for seed in 0..<90 {
            var traffic = Traffic(seed: 11_000 + UInt64(seed))
            var evidence = Self.evidence(Self.ratio(of: "cost", per: "answers", maximum: 10), alpha: 0.2)
            for look in 0..<80 where evidence.verdict != .fail {
                let time = Double(look) / 80
                let mean = 0.5 + 2 * time
                let block = traffic.block(
                    size: 200, weight: 0.1 + 0.4 * time, stable: mean / 10, candidate: 1.1 * mean / 10)
                // Half of the loss is partial: a value of 5 is twice as frequent as one of 10.
                func side(_ trials: Trials, rate: Double) -> [String: Double] {
                    let halves = traffic.successes(Int(trials.count), rate: rate)
                    return [
                        "cost": 5 * trials.successes + 5 * Double(min(halves, Int(trials.count))),
                        "answers": trials.count,
                    ]
                }
                evidence.absorb(
                    Self.interval(
                        side(block.stable, rate: mean / 10), side(block.candidate, rate: 1.1 * mean / 10)),
                    missedRegressionRate: 1e-9)
            }
            if evidence.verdict == .fail { failures += 1 }
        }
        // At most 18 are expected; even then 31 or more have a probability of 0.001.
        #expect(failures <= 31)
    }
}
