import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Analysis

/// The properties that `AlertnessTests` check for errors, for all other evidence. The seeds are in the tests.
@Suite("Evidence of latency and of predictions stays alert after a long healthy past")
struct LongPastTests {
    private static let alpha = 0.0045

    private static func evidence(_ kind: GateSpec.Kind) -> GateEvidence {
        GateEvidence(spec: GateSpec(name: "gate", kind: kind), alpha: alpha)
    }

    /// The median number of the candidate's units from the change until the failure.
    private static func unitsToFail(
        _ kind: GateSpec.Kind, healthy looks: Int, streams: Int = 7, of unitsPerLook: Int,
        look: (_ isBad: Bool, inout SeededDraws) -> (stable: SideCounts, candidate: SideCounts)
    ) -> Int {
        let found = (0..<streams).map { seed -> Int in
            var draws = SeededDraws(seed: 2_600 + UInt64(seed))
            var evidence = evidence(kind)
            for number in 0..<(looks + 4_000) {
                let counts = look(number >= looks, &draws)
                evidence.absorb(
                    Interval(
                        at: Date(timeIntervalSinceReferenceDate: Double(number)), stable: counts.stable,
                        candidate: counts.candidate), missedRegressionRate: 0.05)
                if evidence.verdict == .fail { return number < looks ? .max : (number - looks + 1) * unitsPerLook }
            }
            return .max
        }
        return found.sorted()[streams / 2]
    }

    /// Requests of which some take 0.2 s, others 1 s, and the rest 0.1 s.
    private static func latencies(_ count: Int, slow: Double, _ draws: inout SeededDraws, stalls: Int = 1) -> SideCounts
    {
        let late = min(count, draws.binomial(count, slow / Double(stalls)) * stalls)
        let fast = count - late
        return SideCounts(
            requests: count, latency: [fast, fast, count], bounds: [0.1, 0.2, 1],
            slowTogether: [late * stalls, late * stalls, 0])
    }

    @Test(
        "a tail that becomes slow is found soon", arguments: [CompareGate.Metric.latencyP95, .latencyP99],
        [0, 200, 2_000])
    func latency(metric: CompareGate.Metric, healthy: Int) {
        let usual = metric == .latencyP95 ? 0.04 : 0.008
        let units = Self.unitsToFail(.compare(CompareGate(metric: metric)), healthy: healthy, of: 25) { isBad, draws in
            (
                Self.latencies(75, slow: usual, &draws),
                Self.latencies(25, slow: isBad ? 0.2 : usual, &draws)
            )
        }
        #expect(units <= 600)
    }

    @Test("a shadow that no longer agrees is found soon", arguments: [0, 200, 4_000])
    func agreement(healthy: Int) {
        let gate = AgreementGate(metric: .agreement(min: 0.95))
        let units = Self.unitsToFail(.agreement(gate), healthy: healthy, of: 25) { isBad, draws in
            (
                SideCounts(),
                SideCounts(pairs: PairCounts(pairs: 25, disagreements: draws.binomial(25, isBad ? 0.3 : 0.01)))
            )
        }
        #expect(units <= 200)
    }

    private static let even = [0.25, 0.25, 0.25, 0.25]
    private static let moved = [0.45, 0.35, 0.1, 0.1]

    @Test("predictions that begin to shift are found soon", arguments: [0, 200, 1_000])
    func distribution(healthy: Int) {
        let gate = DistributionGate(observe: "score")
        let units = Self.unitsToFail(.distribution(gate), healthy: healthy, of: 25) { isBad, draws in
            (
                SideCounts(observed: ["score": draws.buckets(75, Self.even)]),
                SideCounts(observed: ["score": draws.buckets(25, isBad ? Self.moved : Self.even)])
            )
        }
        #expect(units <= 900)
    }

    @Test("drift that begins late is found, and all values since the start are counted", arguments: [0, 200, 2_000])
    func drift(healthy: Int) {
        let units = Self.unitsToFail(.drift(DriftGate(observe: "score")), healthy: healthy, of: 25) { isBad, draws in
            (
                SideCounts(observed: ["score": draws.buckets(75, Self.even)]),
                SideCounts(observed: ["score": draws.buckets(25, isBad ? [0.6, 0.3, 0.05, 0.05] : Self.even)])
            )
        }
        #expect(units <= 1_200)
        var evidence = Self.evidence(.drift(DriftGate(observe: "score", minSamples: 20_000)))
        for number in 0..<400 {
            evidence.absorb(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: Double(number)),
                    stable: SideCounts(observed: ["score": [50, 50]]),
                    candidate: SideCounts(observed: ["score": [25, 25]])), missedRegressionRate: 0.05)
        }
        #expect(evidence.samples == 20_000 && evidence.verdict == .pass)
    }

    // MARK: - Clumps

    @Test(
        "stalls that slow down eight requests at once fail equal versions no more often than promised",
        arguments: [0.1, 0.5])
    func stalls(weight: Double) {
        let gate = CompareGate(metric: .latencyP95)
        let failed = (0..<60).count { seed in
            var draws = SeededDraws(seed: 2_800 + UInt64(seed))
            var evidence = GateEvidence(spec: GateSpec(name: "p95", kind: .compare(gate)), alpha: 0.05)
            let own = Int(50 * weight)
            for number in 0..<600 where evidence.verdict != .fail {
                evidence.absorb(
                    Interval(
                        at: Date(timeIntervalSinceReferenceDate: Double(number)),
                        stable: Self.latencies(50 - own, slow: 0.048, &draws, stalls: 8),
                        candidate: Self.latencies(own, slow: 0.048, &draws, stalls: 8)), missedRegressionRate: 0.05)
            }
            return evidence.verdict == .fail
        }
        // At most 3 are expected.
        #expect(failed <= 6)
    }

    /// The source does not report how pairs come, so there is no guarantee for the first clumps.
    @Test("disagreements that come in clumps weigh less once the clumps were seen")
    func disagreementsTogether() {
        let failed = (0..<60).count { seed in
            var draws = SeededDraws(seed: 2_900 + UInt64(seed))
            let gate = AgreementGate(metric: .agreement(min: 0.9))
            var evidence = GateEvidence(spec: GateSpec(name: "alike", kind: .agreement(gate)), alpha: 0.05)
            for number in 0..<600 where evidence.verdict != .fail {
                let clumps = draws.binomial(50, 0.1 / 5)
                evidence.absorb(
                    Interval(
                        at: Date(timeIntervalSinceReferenceDate: Double(number)), stable: SideCounts(),
                        candidate: SideCounts(pairs: PairCounts(pairs: 50, disagreements: min(50, 5 * clumps)))),
                    missedRegressionRate: 0.05)
            }
            return evidence.verdict == .fail
        }
        // As single disagreements, 40 of them would fail.
        #expect(failed <= 15)
    }

    // MARK: - Older records

    @Test(
        "older records, whose tests started only once, continue",
        arguments: [
            (#"{"logs":[1.5,-2,-3]}"#, 3), (#"{"logs":[-1,-2,-3,-4,-5,-6,-7,-8,-9]}"#, 9),
        ])
    func former(record: String, count: Int) throws {
        let read = try JSONDecoder().decode(RestartedMixture.self, from: Data(record.utf8))
        #expect(read.logs.count == count)
        if count == 3 {
            let shift = try JSONDecoder().decode(ShiftEvidence.self, from: Data(record.utf8))
            #expect(shift.logValue > 0 && shift.logValue < 1.5)
        }
    }
}
