import Analysis
import Foundation
import ModelManifests
import TestSupport

/// The mean cost of one look at one gate, and the largest evidence, for each kind of gate that uses counters.
enum CostOfALook {
    static let intervals = 2_000
    static let rounds = 5

    static func run(cell: Int) throws -> [Figure] {
        var draws = SeededDraws(seed: UInt64(cell) * Streams.seedsPerCell)
        let looks = (1...intervals).map { Self.interval($0, &draws) }
        return try gates.map { try figure(GateSpec(name: $0, kind: $1), looks) }
    }

    private static func figure(_ gate: GateSpec, _ looks: [Interval]) throws -> Figure {
        let source = gate.counters ?? MetricSourceName.proxy
        var judgement = Promise.judgement(of: [gate])
        var taken = Duration.zero
        for round in 0..<rounds {
            let later = looks.map { look in
                var look = look
                look.source = source
                look.at += Double(round * looks.count) * secondsPerLook
                return look
            }
            let start = processorTime()
            for look in later { judgement.absorb(look) }
            taken += processorTime() - start
        }
        guard let evidence = judgement.evidence(of: gate.name) else { throw BenchmarkError("\(gate.name) is gone") }
        let bytes = try JSONEncoder().encode(evidence).count
        let microseconds = taken / .microseconds(1) / Double(rounds * looks.count)
        let isSeen = evidence.samples > 0 && evidence.verdict != .fail
        return Figure(
            what: "one look: \(gate.name)", goal: "< 20 µs, evidence < 2 KiB",
            measured: isSeen
                ? "\(text(microseconds, 1)) µs, \(bytes) bytes"
                : "nothing measured: \(evidence.verdict.rawValue), \(evidence.samples) samples",
            isMet: isSeen && microseconds < 20 && bytes < 2048)
    }

    /// The CPU time of this thread, so that other work on the machine does not count.
    private static func processorTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    private static let secondsPerLook = 10.0
    private static let observed = "score"
    private static let observedShares = (0..<PredictionBuckets.countLimit).map { _ in
        1 / Double(PredictionBuckets.countLimit)
    }

    /// The candidate's predictions, shifted by almost the tolerance of the gate, so that each look takes long.
    private static let moved = "moved"
    private static let movedShares = observedShares.enumerated().map { index, share in
        share * (1 + (index.isMultiple(of: 2) ? 2 : -2) * 0.9 * DistributionGate(observe: moved).maxShift)
    }

    private static var gates: [(String, GateSpec.Kind)] {
        let counts = observedShares.map { Int($0 * 32_000) }
        let profile = PredictionProfile(
            buckets: .edges((1..<PredictionBuckets.countLimit).map { Double($0) / 32 }), counts: counts)
        let ratio = CounterRatio(source: MetricSourceName.server, of: "failed", per: "tokens")
        return CompareGate.Metric.allCases.map { ("compare \($0.rawValue)", .compare(CompareGate(metric: $0))) } + [
            ("compare, both tolerances", .compare(CompareGate(metric: .errors, maxAbsoluteIncrease: 0.002))),
            ("compare a counter ratio", .compare(CompareGate(.counters(ratio)))),
            ("distribution of 32 buckets", .distribution(DistributionGate(observe: observed))),
            ("distribution, almost moved", .distribution(DistributionGate(observe: moved, passShift: 0.001))),
            ("drift from stable, 32 buckets", .drift(DriftGate(observe: observed))),
            (
                "drift from a profile, 32 buckets",
                .drift(DriftGate(observe: observed, distance: .jensenShannon, reference: .profile(profile)))
            ),
            ("agreement", .agreement(AgreementGate(metric: .agreement(min: 0.9)))),
            ("distance", .agreement(AgreementGate(metric: .distance(max: 0.1)))),
            ("goal", .goal(GoalGate(quantity: CounterRatio(outcome: "converted")))),
            ("threshold errors", .threshold(ThresholdGate(metric: .errors, max: 0.5))),
            ("threshold latencyP99", .threshold(ThresholdGate(metric: .latencyP99, max: 50))),
        ]
    }

    /// The counters that any gate uses for one look, for a candidate that is as good as stable.
    private static func interval(_ number: Int, _ draws: inout SeededDraws) -> Interval {
        func side(_ requests: Int, _ shares: [Double]) -> SideCounts {
            var counts = SideCounts(
                requests: requests, errors: draws.binomial(requests, 0.01), rejected: draws.binomial(requests, 0.03))
            FourGates.latency.fill(&counts, &draws)
            counts.observed = [
                observed: draws.buckets(requests, observedShares), moved: draws.buckets(requests, shares),
            ]
            counts.pairs = PairCounts(
                pairs: requests, disagreements: draws.binomial(requests, 0.02), distance: Double(requests) * 0.01)
            let failed = Double(draws.binomial(requests * 40, 0.01))
            counts.named = ["failed": failed, "tokens": Double(requests * 40)]
            counts.named["converted.sum"] = Double(draws.binomial(requests, 0.1))
            counts.named["converted.count"] = Double(requests)
            return counts
        }
        let (stable, candidate) = (side(450, observedShares), side(50, movedShares))
        return Interval(
            at: Promise.start.addingTimeInterval(Double(number) * secondsPerLook), stable: stable,
            candidate: candidate)
    }
}
