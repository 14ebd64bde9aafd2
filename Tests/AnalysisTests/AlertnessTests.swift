import Foundation
import TestSupport
import Testing

@testable import Analysis

/// Small versions of `make bench ONLY=alertness`. The seeds are in the arguments.
@Suite("Evidence stays alert, and allows for failures that come together")
struct AlertnessTests {
    private struct Traffic {
        var stable: FailureStream
        var candidate: FailureStream
        var weight: Double
        var draws: SeededDraws
        private(set) var sent = 0

        init(_ both: FailureStream, weight: Double = 0.25, seed: UInt64) {
            (stable, candidate, self.weight) = (both, both, weight)
            draws = SeededDraws(seed: seed)
        }

        mutating func look(_ requests: Int = 50) -> RateBlock {
            func trials(_ counts: FailureStream.Counts) -> Trials {
                Trials(
                    count: Double(counts.requests), successes: Double(counts.failures),
                    together: Double(counts.together))
            }
            let own = Int(Double(requests) * weight)
            sent += own
            return RateBlock(
                stable: trials(stable.next(requests - own, &draws)), candidate: trials(candidate.next(own, &draws)))
        }
    }

    private static let target = log(1 / 0.0045)

    @Test("an increase after a long healthy past is found soon", arguments: [(0, 160.0), (2_000, 260), (40_000, 360)])
    func jump(healthy: Int, most: Double) {
        let found = (0..<15).map { seed -> Double in
            var traffic = Traffic(FailureStream(single: 0.01), seed: 700 + UInt64(seed))
            var comparison = RateComparisonTests.comparison()
            while traffic.sent < healthy { comparison.absorb(traffic.look(), target: Self.target) }
            traffic.candidate.single = 0.1
            while comparison.logFailEvidence < Self.target { comparison.absorb(traffic.look(), target: Self.target) }
            return Double(traffic.sent - healthy)
        }
        #expect(found.sorted()[7] <= most)
    }

    @Test(
        "equal versions whose failures come together fail no more often than promised, with a look after each failure",
        arguments: [
            FailureStream.clumps(of: 5, rate: 0.02), .clumps(of: 10, rate: 0.02),
            FailureStream(single: 0.005, event: 1 / 2_000, eventSizes: 20...60, atOnce: false),
        ], [0.1, 0.5])
    func clumps(stream: FailureStream, weight: Double) {
        let target = log(1 / 0.05)
        let failed = (0..<60).count { seed in
            var traffic = Traffic(stream, weight: weight, seed: 800 + UInt64(seed))
            var comparison = RateComparisonTests.comparison()
            return (0..<600).contains { _ in
                comparison.absorb(traffic.look(), target: target)
                return comparison.logFailEvidence >= target
            }
        }
        // At most 3 are expected.
        #expect(failed <= 6)
    }

    @Test("at the pass margin, clumps pass no more often than promised")
    func passes() {
        let rate = 0.2
        let passed = (0..<60).count { seed in
            var traffic = Traffic(.clumps(of: 5, rate: 0.02), seed: 900 + UInt64(seed))
            traffic.candidate = .clumps(of: 5, rate: 0.03)
            var comparison = RateComparisonTests.comparison()
            for _ in 0..<600 { comparison.absorb(traffic.look()) }
            return comparison.peakLogPassEvidence >= log(1 / rate)
        }
        // At most 12 are expected.
        #expect(passed <= 18)
        #expect(passed >= 1)
    }

    @Test(
        "a candidate that fails everything from its first request fails after fifteen requests, with clumps or without")
    func broken() {
        var traffic = Traffic(FailureStream(single: 0.01), seed: 1)
        traffic.candidate = FailureStream(single: 1)
        var comparison = RateComparisonTests.comparison()
        while comparison.logFailEvidence < Self.target, traffic.sent < 100 {
            comparison.absorb(traffic.look(4), target: Self.target)
        }
        #expect(traffic.sent <= 15)
    }

    @Test("an outage of both sides fails no gate, and hides no later regression")
    func outage() {
        for seed in 0..<20 {
            var traffic = Traffic(FailureStream(single: 0.01), weight: 0.5, seed: 1_000 + UInt64(seed))
            var comparison = RateComparisonTests.comparison()
            for look in 0..<300 {
                let rate = (100..<200).contains(look) ? 0.4 : 0.01
                (traffic.stable.single, traffic.candidate.single) = (rate, rate)
                comparison.absorb(traffic.look(), target: Self.target)
            }
            #expect(comparison.logFailEvidence < Self.target)
            traffic.candidate.single = 0.2
            for _ in 0..<20 { comparison.absorb(traffic.look(), target: Self.target) }
            #expect(comparison.logFailEvidence >= Self.target)
        }
    }
}
