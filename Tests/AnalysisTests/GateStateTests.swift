import Foundation
import ModelManifests
import Testing

@testable import Analysis

/// Properties of every kind of gate that uses counters of rates.
@Suite struct GateReasoningTests {
    static let query = "sum(rate(inference_timeouts_total{deployment=\"fraud-scorer\",revision=\"{{revision}}\"}[1m]))"

    static let kinds: [GateSpec] =
        [CompareGate.Metric.errors, .slow, .latencyP50, .latencyP95, .latencyP99].map {
            GateSpec(
                name: "no-worse-\($0.rawValue)",
                kind: .compare(CompareGate(metric: $0, maxRelativeIncrease: 0.123, minSamples: 12_345)))
        } + [
            GateSpec(
                name: "timeouts-by-query",
                kind: .compare(
                    CompareGate(
                        .counters(CounterRatio(source: "prometheus", of: query, per: "requests", maximum: 12.5)),
                        maxRelativeIncrease: 0.1, maxAbsoluteIncrease: 0.012))),
            GateSpec(
                name: "p99-under-a-bound",
                kind: .threshold(ThresholdGate(metric: .latencyP99, max: 80.5, failureLimit: 200, minSamples: 12))),
            GateSpec(name: "alike", kind: .agreement(AgreementGate(metric: .agreement(min: 0.987)))),
            GateSpec(name: "near", kind: .agreement(AgreementGate(metric: .distance(max: 0.0123)))),
            GateSpec(
                name: GoalGate.name,
                kind: .goal(
                    GoalGate(quantity: CounterRatio(source: "prometheus", of: query, per: "requests", maximum: 12.5)))),
        ]

    /// Everything that a look can contain: long histograms, synthetic requests, pairs and counters of real numbers.
    static func interval(_ index: Int, size: Int, _ traffic: inout LatencyTraffic, _ spec: GateSpec) -> Interval {
        func side(_ count: Int, median: Double) -> SideCounts {
            var counts = traffic.side(count, median: median)
            let synthetic = traffic.side(count / 3, median: median)
            counts.errors = traffic.traffic.successes(count, rate: 0.0123)
            counts.synthetic = RequestStratum(requests: count / 3, errors: 1, latency: synthetic.latency)
            counts.pairs = PairCounts(
                pairs: count, disagreements: traffic.traffic.successes(count, rate: 0.01),
                distance: Double(count) * 0.01 * traffic.traffic.uniform())
            counts.named = [query: Double(count) * traffic.traffic.uniform(), "requests": Double(count)]
            return counts
        }
        return Interval(
            at: Date(timeIntervalSinceReferenceDate: Double(index)), source: spec.counters ?? "",
            stable: side(size, median: 0.0456), candidate: side(size / 3, median: 0.0478))
    }

    static func traffic(seed: UInt64) -> LatencyTraffic {
        var traffic = LatencyTraffic(seed: seed)
        // As many buckets as the proxy has, with latencies in all of them.
        traffic.bounds =
            [0.0005, 0.00063, 0.0008] + traffic.bounds + [10, 12.5, 16, 20, 25, 31.5, 40, 50, 63, 80, 100]
        traffic.sigma = 2.5
        return traffic
    }

    @Test("evidence is under 2 KiB as JSON, at every look", arguments: kinds)
    func size(_ spec: GateSpec) throws {
        var evidence = GateEvidence(
            spec: spec, alpha: 0.009 / 7, startedAt: Date(timeIntervalSinceReferenceDate: -8e8 + 0.123456))
        var traffic = Self.traffic(seed: 41)
        var largest = 0
        for index in 0..<150 {
            let size = index < 100 ? 1_500 : 9
            evidence.absorb(Self.interval(index, size: size, &traffic, spec), missedRegressionRate: 0.0512345)
            largest = max(largest, try JSONEncoder().encode(evidence).count)
        }
        #expect(evidence.samples > 0)
        #expect(largest < 2_048)
    }

    @Test("a restart in the middle changes nothing", arguments: kinds)
    func restart(_ spec: GateSpec) throws {
        var whole = GateEvidence(spec: spec, alpha: 0.009)
        var restarted = whole
        var traffic = Self.traffic(seed: 42)
        for index in 0..<40 {
            let interval = Self.interval(index, size: index % 3 == 0 ? 9 : 900, &traffic, spec)
            whole.absorb(interval, missedRegressionRate: 0.05)
            restarted.absorb(interval, missedRegressionRate: 0.05)
            restarted = try JSONDecoder().decode(GateEvidence.self, from: JSONEncoder().encode(restarted))
        }
        #expect(whole == restarted)
        #expect(whole.reason == restarted.reason)
    }

    @Test("intervals without data are insufficient, and change no verdict", arguments: kinds)
    func empty(_ spec: GateSpec) {
        var evidence = GateEvidence(spec: spec, alpha: 0.009)
        for index in 0..<20 {
            evidence.absorb(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: Double(index)), source: spec.counters ?? "",
                    stable: SideCounts(), candidate: SideCounts()), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.samples == 0)
        #expect(!evidence.reason.isEmpty)
    }

    /// The same gates, with more samples required.
    static let adopted: [(GateSpec.Kind, GateSpec.Kind)] = [
        (
            .compare(CompareGate(metric: .errors)),
            .compare(CompareGate(metric: .errors, minSamples: 700))
        ),
        (
            .agreement(AgreementGate(metric: .agreement(min: 0.9))),
            .agreement(AgreementGate(metric: .agreement(min: 0.9), minSamples: 700))
        ),
        (
            .goal(GoalGate(quantity: CounterRatio(source: MetricSourceName.proxy, of: query, per: "requests"))),
            .goal(
                GoalGate(
                    quantity: CounterRatio(source: MetricSourceName.proxy, of: query, per: "requests"), minSamples: 700)
            )
        ),
    ]

    @Test("a changed minSamples keeps the evidence, and a pass waits for it", arguments: adopted)
    func adopting(_ before: GateSpec.Kind, _ after: GateSpec.Kind) throws {
        var traffic = Self.traffic(seed: 43)
        let looks = (0..<2).map { index in
            var look = Self.interval(index, size: 900, &traffic, GateSpec(name: "gate", kind: before))
            look.stable.named = [Self.query: 45, "requests": 900]
            look.candidate.named = [Self.query: 15, "requests": 300]
            return look
        }
        let (old, new) = (GateSpec(name: "gate", kind: before), GateSpec(name: "gate", kind: after))
        var evidence = GateEvidence(spec: old, alpha: 0.009)
        evidence.absorb(looks[0], missedRegressionRate: 0.05)
        let samples = evidence.samples
        #expect((1..<700).contains(samples))
        var adopted = try #require(evidence.adopting(new))
        #expect(adopted.samples == samples)
        #expect(adopted.verdict == .insufficient)
        // The rest adds up to what one gate with that minimum would have learned from the start.
        var whole = GateEvidence(spec: new, alpha: 0.009)
        adopted.absorb(looks[1], missedRegressionRate: 0.05)
        for look in looks { whole.absorb(look, missedRegressionRate: 0.05) }
        #expect(adopted == whole)
        #expect(adopted.samples == 2 * samples)
    }

    @Test("another question is a new gate; another margin of agreement restarts its pass")
    func otherQuestions() throws {
        let alike = AgreementGate(metric: .agreement(min: 0.9))
        var evidence = GateEvidence(spec: GateSpec(name: "gate", kind: .agreement(alike)), alpha: 0.009)
        let pairs = SideCounts(pairs: PairCounts(pairs: 5_000, disagreements: 10))
        let interval = Interval(
            at: Date(timeIntervalSinceReferenceDate: 0), stable: SideCounts(), candidate: pairs)
        evidence.absorb(interval, missedRegressionRate: 0.05)
        #expect(evidence.verdict == .pass)
        let stricter = AgreementGate(metric: .agreement(min: 0.95))
        #expect(evidence.adopting(GateSpec(name: "gate", kind: .agreement(stricter))) == nil)
        var margin = alike
        margin.passMargin = 0.02
        var adopted = try #require(evidence.adopting(GateSpec(name: "gate", kind: .agreement(margin))))
        let none = Interval(
            at: Date(timeIntervalSinceReferenceDate: 1), stable: SideCounts(), candidate: SideCounts())
        adopted.absorb(none, missedRegressionRate: 0.05)
        #expect(adopted.verdict == .insufficient)
        #expect(adopted.samples == 5_000)
        let goal = GoalGate(quantity: CounterRatio(outcome: "converted"))
        var lower = goal
        lower.quantity.better = .lower
        let asked = GateEvidence(spec: GateSpec(name: GoalGate.name, kind: .goal(goal)), alpha: 0)
        #expect(asked.adopting(GateSpec(name: GoalGate.name, kind: .goal(lower))) == nil)
    }
}
