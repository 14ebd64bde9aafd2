import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct SlowBoundTests {
    static func counts(_ latency: [Int], bounds: [Double] = [0.1, 0.25, 1]) -> SideCounts {
        SideCounts(requests: latency.last ?? 0, latency: latency, bounds: bounds)
    }

    static func interval(stable: SideCounts, candidate: SideCounts) -> Interval {
        Interval(at: Date(timeIntervalSinceReferenceDate: 0), stable: stable, candidate: candidate)
    }

    @Test("without its own bound, stable's p95 bucket is frozen, and the requests that chose it are not judged")
    func freezes() {
        var bound = SlowBound(slowerThan: nil)
        let first = bound.block(
            Self.interval(stable: Self.counts([90, 96, 99, 100]), candidate: Self.counts([0, 0, 0, 50])))
        #expect(first == nil)
        #expect(bound.edge == 0.25)
        let second = bound.block(
            Self.interval(stable: Self.counts([10, 20, 80, 100]), candidate: Self.counts([5, 40, 45, 50])))
        #expect(bound.edge == 0.25, "frozen: a slower stable does not move it")
        #expect(
            second == RateBlock(stable: Trials(count: 100, successes: 80), candidate: Trials(count: 50, successes: 10)))
    }

    @Test("with sticky users it is chosen by all of their requests, however few users there are")
    func sticky() {
        var bound = SlowBound(slowerThan: nil)
        // The first requests of 60 users alone are not enough.
        var stable = Self.counts([60, 60, 60, 60])
        stable.every = RequestStratum(requests: 400, latency: [360, 390, 400, 400])
        bound.learn(stable: stable)
        #expect(bound.edge == 0.25)
    }

    @Test("it needs a hundred of stable's requests, over any number of intervals")
    func waits() {
        var bound = SlowBound(slowerThan: nil)
        for _ in 0..<3 {
            _ = bound.block(
                Self.interval(stable: Self.counts([30, 30, 30, 30]), candidate: Self.counts([1, 1, 1, 1])))
        }
        #expect(bound.edge == nil)
        _ = bound.block(Self.interval(stable: Self.counts([10, 10, 10, 10]), candidate: Self.counts([1, 1, 1, 1])))
        #expect(bound.edge == 0.1)
    }

    @Test("stable's traffic from before the rollout freezes it at the start")
    func history() {
        var bound = SlowBound(slowerThan: nil)
        bound.learn(stable: Self.counts([500, 990, 1_000, 1_000]))
        #expect(bound.edge == 0.25)
        #expect(
            bound.block(Self.interval(stable: Self.counts([1, 1, 1, 1]), candidate: Self.counts([0, 1, 1, 1]))) != nil)
    }

    @Test("a given bound becomes the next edge at or over it, and counts from the first interval")
    func given() {
        var bound = SlowBound(slowerThan: .milliseconds(200))
        let block = bound.block(
            Self.interval(stable: Self.counts([1, 8, 10, 10]), candidate: Self.counts([1, 5, 10, 10])))
        #expect(bound.edge == 0.25)
        #expect(block == RateBlock(stable: Trials(count: 10, successes: 2), candidate: Trials(count: 10, successes: 5)))
        var exact = SlowBound(slowerThan: .milliseconds(250))
        exact.learn(stable: Self.counts([1, 1, 1, 1]))
        #expect(exact.edge == 0.25)
    }

    @Test("a given bound over all edges is reported")
    func tooLarge() {
        var bound = SlowBound(slowerThan: .seconds(5))
        #expect(
            bound.block(Self.interval(stable: Self.counts([1, 1, 1, 1]), candidate: Self.counts([1, 1, 1, 1]))) == nil)
        #expect(bound.problem == "no latency bucket reaches 5 s")
    }

    @Test("if stable's p95 is over the last edge, that edge is used while most of stable is under it")
    func overLastEdge() {
        var some = SlowBound(slowerThan: nil)
        some.learn(stable: Self.counts([0, 0, 80, 100]))
        #expect(some.edge == 1)
        var most = SlowBound(slowerThan: nil)
        most.learn(stable: Self.counts([0, 0, 40, 100]))
        #expect(most.edge == nil)
        #expect(most.problem == "half of stable is slower than the largest latency bucket, 1 s")
    }

    @Test("buckets that one side lacks make the gate insufficient, and are named")
    func otherBuckets() {
        var bound = SlowBound(slowerThan: nil)
        bound.learn(stable: Self.counts([500, 990, 1_000, 1_000]))
        let other = Self.counts([5, 9, 10], bounds: [0.2, 0.5])
        #expect(bound.block(Self.interval(stable: Self.counts([1, 1, 1, 1]), candidate: other)) == nil)
        #expect(bound.problem == "candidate has no latency bucket at 0.25 s")
        let fitting = Self.counts([9, 10], bounds: [0.25])
        #expect(bound.block(Self.interval(stable: Self.counts([1, 1, 1, 1]), candidate: fitting)) != nil)
        #expect(bound.problem == nil)
    }

    @Test("a slower candidate fails the gate")
    func fails() {
        var evidence = GateEvidence(
            spec: GateSpec(name: "slow", kind: .compare(CompareGate(metric: .slow))), alpha: 0.009)
        evidence.learn(stableHistory: Self.counts([900, 960, 1_000, 1_000]))
        for _ in 0..<5 {
            evidence.absorb(
                Self.interval(stable: Self.counts([810, 864, 900, 900]), candidate: Self.counts([50, 70, 100, 100])),
                missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .fail)
        #expect(evidence.reason.hasPrefix("candidate "))
        #expect(evidence.reason.contains("slower than 0.25 s of"))
    }
}
