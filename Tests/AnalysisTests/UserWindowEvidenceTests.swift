import Foundation
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import Analysis

@Suite("Returning users")
struct UserWindowEvidenceTests {
    private static let null = RateNull.atMost(RateBoundary(slope: 1.1, offset: 0))

    private static func units(_ stable: (Int, of: Int), _ candidate: (Int, of: Int)) -> RateBlock {
        TargetedEvidenceTests.block(stable.0, of: stable.of, candidate.0, of: candidate.of)
    }

    private static func gate(_ metric: CompareGate.Metric) -> GateEvidence {
        GateEvidence(
            spec: GateSpec(
                name: "gate",
                kind: .compare(CompareGate(metric: metric, slowerThan: metric == .slow ? .seconds(1) : nil))),
            alpha: 0.0045)
    }

    private static func interval(_ second: Int, stable: UserCounters, candidate: UserCounters) -> Interval {
        func side(_ users: UserCounters) -> SideCounts { SideCounts(latency: [0, 0], bounds: [0.1, 1], users: users) }
        return Interval(
            at: Date(timeIntervalSinceReferenceDate: Double(second)), stable: side(stable), candidate: side(candidate))
    }

    @Test(
        "fail a candidate that served all of them well before, within three windows",
        arguments: [CompareGate.Metric.errors, .rejected, .slow])
    func regression(metric: CompareGate.Metric) {
        var gate = Self.gate(metric)
        // Their first requests, long ago.
        let first = SideCounts(requests: 30, latency: [30, 30], bounds: [0.1, 1])
        gate.absorb(
            Interval(at: Date(timeIntervalSinceReferenceDate: -1), stable: first, candidate: first),
            missedRegressionRate: 0.05)
        let well = UserCounters(windows: 1, units: 36, slowed: [0, 0])
        for second in 0..<100 {
            gate.absorb(
                Self.interval(second, stable: UserCounters(windows: 1, units: 24, slowed: [0, 0]), candidate: well),
                missedRegressionRate: 0.05)
        }
        #expect(gate.verdict != .fail)
        let bad = UserCounters(windows: 1, units: 36, failed: 36, touched: 36, rejected: 36, slowed: [36, 36])
        for second in 100..<103 {
            gate.absorb(
                Self.interval(second, stable: UserCounters(windows: 1, units: 24, slowed: [0, 0]), candidate: bad),
                missedRegressionRate: 0.05)
        }
        #expect(gate.verdict == .fail)
        #expect(gate.reason.contains("of users by windows of 2 s: candidate 36"), "\(gate.reason)")
    }

    /// One in ten users always fails, on either side. Chance puts more of them on one side, and they keep coming back.
    @Test("are the same users: what chance put on one side fails no version, however often they come")
    func dependence() {
        let failed = (0..<200).count { seed in
            var draws = SeededDraws(seed: 60 + UInt64(seed))
            let units = (0..<60).map { _ in (isCandidate: draws.uniform() < 0.5, fails: draws.uniform() < 0.1) }
            let candidate = units.filter(\.isCandidate)
            let stable = units.filter { !$0.isCandidate }
            let block = Self.units(
                (stable.count(where: \.fails), of: stable.count), (candidate.count(where: \.fails), of: candidate.count)
            )
            var evidence = UserWindowEvidence()
            for _ in 0..<2_000 { evidence.absorb([block, block], windows: 1, against: Self.null) }
            return evidence.logValue >= log(1 / 0.05)
        }
        // At most 10 are expected; even then 18 or more have a probability of 0.01.
        #expect(failed <= 18)
    }

    @Test("count for several windows in one look no more than their mean")
    func severalWindows() {
        var (one, four) = (UserWindowEvidence(), UserWindowEvidence())
        one.absorb([Self.units((0, of: 24), (9, of: 36))], windows: 1, against: Self.null)
        four.absorb([Self.units((0, of: 96), (36, of: 144))], windows: 4, against: Self.null)
        #expect(four.logValue <= one.logValue + 1)
        #expect(four.logValue > log(ConvergentShares.share(1)))
    }

    @Test("are no evidence while a side has none, and the numbers can be stored")
    func nothing() throws {
        var evidence = UserWindowEvidence()
        evidence.absorb([Self.units((0, of: 0), (9, of: 9))], windows: 1, against: Self.null)
        evidence.absorb([Self.units((0, of: 9), (9, of: 9))], windows: 0, against: Self.null)
        #expect(evidence == UserWindowEvidence())
        evidence.absorb([Self.units((0, of: 1_000_000), (1_000_000, of: 1_000_000))], windows: 1, against: Self.null)
        #expect(evidence.logValue.isFinite)
        #expect(try JSONDecoder().decode(UserWindowEvidence.self, from: JSONEncoder().encode(evidence)) == evidence)
    }
}
