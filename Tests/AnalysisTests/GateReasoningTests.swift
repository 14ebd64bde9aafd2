import Foundation
import ModelManifests
import Testing

@testable import Analysis

/// What holds of every kind of gate that is judged on counters of rates.
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
            GateSpec(name: "alike", kind: .agreement(AgreementGate(metric: .agreement(min: 0.987)))),
            GateSpec(name: "near", kind: .agreement(AgreementGate(metric: .distance(max: 0.0123)))),
            GateSpec(
                name: GoalGate.name,
                kind: .goal(
                    GoalGate(quantity: CounterRatio(source: "prometheus", of: query, per: "requests", maximum: 12.5)))),
        ]

    /// All that a look can hold: long histograms, synthetic requests, pairs and counters of real numbers.
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
        // As many buckets as the proxy has, and latencies all over them.
        traffic.bounds =
            [0.0005, 0.00063, 0.0008] + traffic.bounds + [10, 12.5, 16, 20, 25, 31.5, 40, 50, 63, 80, 100]
        traffic.sigma = 2.5
        return traffic
    }

    @Test("evidence is under 2 KiB as JSON, at every look", arguments: kinds)
    func size(_ spec: GateSpec) throws {
        var evidence = GateEvidence(
            spec: spec, alpha: 0.009 / 7, startedAt: Date(timeIntervalSinceReferenceDate: 8e8 + 0.123456))
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

    @Test("intervals without anything in them are insufficient, and change no verdict", arguments: kinds)
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
}
