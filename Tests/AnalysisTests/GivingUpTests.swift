import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Analysis

/// Stable answers in 5 ms; clients wait for one second. The bounds are a part of the proxy's.
@Suite("A candidate whose clients give up")
struct GivingUpTests {
    private static let bounds = [0.005, 0.0063, 0.1, 0.8, 1, 2]

    private static func answered(_ count: Int) -> SideCounts {
        SideCounts(requests: count, latency: [count * 19 / 20] + Array(repeating: count, count: 5), bounds: bounds)
    }

    private static func givenUp(_ count: Int, waited: Double = 1) -> SideCounts {
        SideCounts(
            latency: Array(repeating: 0, count: 6), bounds: bounds, abandoned: bounds.map { $0 < waited ? count : 0 })
    }

    private static func gate(_ gate: CompareGate = CompareGate(metric: .slow)) -> GateEvidence {
        GateEvidence(spec: GateSpec(name: "slow", kind: .compare(gate)), alpha: 0.0045)
    }

    /// - Returns: how many of the candidate's clients gave up until the gate failed. Nil if it did not fail.
    private func clientsToFail(
        _ gate: GateEvidence = Self.gate(), history: SideCounts? = nil, stable: SideCounts, candidate: SideCounts,
        looks: Int = 200
    ) -> Int? {
        var gate = gate
        if let history { gate.learn(stableHistory: history) }
        var clients = 0
        for look in 1...looks {
            gate.absorb(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: Double(look)), stable: stable, candidate: candidate),
                missedRegressionRate: 0.05)
            clients += candidate.abandoned.first ?? 0
            if gate.verdict == .fail { return clients }
        }
        return nil
    }

    @Test("it fails after as few requests as a candidate that fails every request")
    func hangs() throws {
        let clients = try #require(
            clientsToFail(history: Self.answered(1_000), stable: Self.answered(30), candidate: Self.givenUp(2)))
        #expect(clients <= 16)
    }

    @Test("it fails at a weight of 5 %, whether stable has no past and gets few requests or gets most of them")
    func weights() throws {
        #expect(try #require(clientsToFail(stable: Self.answered(95), candidate: Self.givenUp(5))) <= 25)
        #expect(try #require(clientsToFail(stable: Self.answered(1), candidate: Self.givenUp(1))) <= 30)
        #expect(try #require(clientsToFail(stable: Self.answered(1), candidate: Self.givenUp(9))) <= 250)
    }

    @Test("it waits for ten requests of stable, not for a hundred")
    func inNeed() {
        var bound = SlowBound(slowerThan: nil)
        func absorb(_ stable: Int, _ candidate: SideCounts) {
            _ = bound.block(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: 0), stable: Self.answered(stable), candidate: candidate))
        }
        absorb(9, Self.answered(9))
        absorb(9, Self.answered(9))
        #expect(bound.edge == nil)
        absorb(1, Self.givenUp(1))
        #expect(bound.edge != nil)
    }

    @Test("clients that left before the bound do not count against it")
    func early() {
        #expect(
            clientsToFail(
                history: Self.answered(1_000), stable: Self.answered(30), candidate: Self.givenUp(5, waited: 0.004))
                == nil)
        // Nor do clients that left before the gate's own bound.
        let slowerThan = Self.gate(CompareGate(metric: .slow, slowerThan: .seconds(2)))
        #expect(clientsToFail(slowerThan, stable: Self.answered(30), candidate: Self.givenUp(5)) == nil)
        let slower = Self.gate(CompareGate(metric: .slow, slowerThan: .milliseconds(800)))
        #expect(clientsToFail(slower, stable: Self.answered(30), candidate: Self.givenUp(5)) != nil)
    }

    @Test("it fails a gate on a quantile and a threshold on one, too")
    func quantiles() {
        let p95 = Self.gate(CompareGate(metric: .latencyP95, maxRelativeIncrease: 0.1))
        #expect(
            clientsToFail(p95, history: Self.answered(1_000), stable: Self.answered(30), candidate: Self.givenUp(10))
                != nil)
        let threshold = GateEvidence(
            spec: GateSpec(
                name: "p99", kind: .threshold(ThresholdGate(metric: .latencyP99, max: 0.5, interval: .seconds(1)))),
            alpha: 0)
        #expect(clientsToFail(threshold, stable: Self.answered(30), candidate: Self.givenUp(10)) != nil)
    }

    @Test("it fails no more often than promised if clients give up on both sides alike")
    func null() {
        var failed = 0
        for seed in 0..<100 {
            var traffic = Traffic(seed: UInt64(seed))
            var gate = Self.gate()
            gate.learn(stableHistory: Self.answered(1_000))
            for look in 1...100 {
                func side(_ size: Int) -> SideCounts {
                    // One in thirty waits for the whole second, and one in ten leaves early.
                    let hung = traffic.successes(size, rate: 1 / 30)
                    let early = traffic.successes(size - hung, rate: 0.1)
                    let rest = size - hung - early
                    let slow = traffic.successes(rest, rate: 0.05)
                    var counts = Self.givenUp(hung) + Self.givenUp(early, waited: 0.004)
                    counts.requests = rest
                    counts.latency = [rest - slow] + Array(repeating: rest, count: 6)
                    return counts
                }
                gate.absorb(
                    Interval(
                        at: Date(timeIntervalSinceReferenceDate: Double(look)), stable: side(90), candidate: side(30)),
                    missedRegressionRate: 0.05)
            }
            if gate.verdict == .fail { failed += 1 }
        }
        #expect(failed <= 2)
    }

    @Test("the reason says how many gave up on each side")
    func words() {
        var gate = Self.gate()
        gate.learn(stableHistory: Self.answered(1_000))
        gate.absorb(
            Interval(
                at: Date(timeIntervalSinceReferenceDate: 1), stable: Self.answered(300) + Self.givenUp(2),
                candidate: Self.answered(90) + Self.givenUp(1)), missedRegressionRate: 0.05)
        #expect(
            gate.reason.contains(
                "; after more than 0.005 s, 1 client of the candidate and 2 of stable gave up"), "\(gate.reason)")
    }
}
