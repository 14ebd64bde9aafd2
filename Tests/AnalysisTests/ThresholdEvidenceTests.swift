import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct ThresholdEvidenceTests {
    static func run(_ gate: ThresholdGate, _ looks: [(seconds: Double, counts: SideCounts)]) -> GateEvidence {
        var evidence = GateEvidence(
            spec: GateSpec(name: "gate", kind: .threshold(gate)), alpha: 0,
            startedAt: Date(timeIntervalSinceReferenceDate: 0))
        for look in looks {
            evidence.absorb(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: look.seconds), stable: SideCounts(),
                    candidate: look.counts),
                missedRegressionRate: 0.05)
        }
        return evidence
    }

    static func errors(_ errors: Int, of requests: Int) -> SideCounts {
        SideCounts(requests: requests, errors: errors)
    }

    @Test("without requests there is no measurement")
    func noData() {
        let evidence = Self.run(ThresholdGate(metric: .errors, max: 0.05), [(10, SideCounts()), (20, SideCounts())])
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.reason == "0 of 1 requests in the last 60 s: nothing to measure yet")
    }

    @Test("a value at the bound is within it, a value over it is not")
    func bounds() {
        let gate = ThresholdGate(metric: .errors, max: 0.05)
        #expect(Self.run(gate, [(10, Self.errors(5, of: 100))]).verdict == .pass)
        let failed = Self.run(gate, [(10, Self.errors(6, of: 100))])
        #expect(failed.verdict == .fail)
        #expect(failed.reason == "errors 6 %, wanted at most 5 %; 1 of 1 measurements failed, 0 allowed")
        #expect(failed.samples == 100)
    }

    @Test("more failed measurements than the limit fail the gate; up to the limit, a good one passes again")
    func failureLimit() {
        let gate = ThresholdGate(
            metric: .errors, max: 0.05, interval: .seconds(10), window: .seconds(10), failureLimit: 2)
        let good = Self.errors(0, of: 100)
        let bad = Self.errors(50, of: 100)
        let twice = Self.run(gate, [(10, bad), (20, bad)])
        #expect(twice.verdict == .insufficient)
        #expect(Self.run(gate, [(10, bad), (20, bad), (30, good)]).verdict == .pass)
        #expect(Self.run(gate, [(10, bad), (20, bad), (30, good), (40, bad)]).verdict == .fail)
    }

    @Test("it measures once per interval, however often one looks, and not before the initial delay")
    func interval() {
        let gate = ThresholdGate(
            metric: .errors, max: 0.05, interval: .seconds(10), initialDelay: .seconds(30), failureLimit: 1)
        let bad = Self.errors(50, of: 100)
        #expect(Self.run(gate, [(5, bad), (29, bad)]).verdict == .insufficient)
        #expect(Self.run(gate, [(30, bad), (31, bad), (39, bad)]).verdict == .insufficient)
        #expect(Self.run(gate, [(30, bad), (31, bad), (40, bad)]).verdict == .fail)
        // A gap in the looks is one late measurement, not several failed ones.
        #expect(Self.run(gate, [(1_000, bad)]).verdict == .insufficient)
    }

    @Test("counts older than the window are dropped")
    func window() {
        let gate = ThresholdGate(
            metric: .errors, max: 0.05, interval: .seconds(10), window: .seconds(30), failureLimit: 9)
        var looks = [(10.0, Self.errors(100, of: 100))]
        #expect(Self.run(gate, looks).verdict == .insufficient)
        looks += [(20, Self.errors(0, of: 100)), (30, Self.errors(0, of: 100)), (40, Self.errors(0, of: 100))]
        #expect(Self.run(gate, looks).verdict == .pass)
        looks += [(200, SideCounts())]
        #expect(Self.run(gate, looks).verdict == .insufficient, "an empty window is nothing to measure")
    }

    @Test("with fewer requests than minSamples there is no measurement")
    func minSamples() {
        let gate = ThresholdGate(metric: .errors, max: 0.05, minSamples: 200)
        #expect(Self.run(gate, [(10, Self.errors(90, of: 100))]).verdict == .insufficient)
        #expect(Self.run(gate, [(10, Self.errors(0, of: 200))]).verdict == .pass)
    }

    static func latency(_ buckets: [Int]) -> SideCounts {
        SideCounts(requests: buckets.last ?? 0, latency: buckets, bounds: [0.1, 0.25, 1])
    }

    @Test(
        "a latency quantile is the upper edge of the bucket that holds it",
        arguments: [
            (ThresholdGate.Metric.latencyP50, 0.1), (.latencyP95, 0.25), (.latencyP99, 1),
        ])
    func quantiles(metric: ThresholdGate.Metric, edge: Double) {
        let counts = Self.latency([90, 98, 100, 100])
        #expect(Self.run(ThresholdGate(metric: metric, max: edge), [(10, counts)]).verdict == .pass)
        #expect(Self.run(ThresholdGate(metric: metric, max: edge * 0.99), [(10, counts)]).verdict == .fail)
    }

    @Test("a value over the last edge is over any maximum")
    func overLastEdge() {
        let evidence = Self.run(
            ThresholdGate(metric: .latencyP99, max: 100), [(10, Self.latency([90, 95, 95, 100]))])
        #expect(evidence.verdict == .fail)
        #expect(evidence.reason.hasPrefix("latencyP99 over 1 s, wanted at most 100 s"))
    }

    @Test("quantiles never mix two sets of buckets")
    func changedBuckets() {
        let gate = ThresholdGate(metric: .latencyP50, max: 0.1, window: .seconds(600), failureLimit: 5)
        let other = SideCounts(requests: 10, latency: [10, 10], bounds: [0.05])
        #expect(Self.run(gate, [(10, Self.latency([0, 0, 1_000, 1_000])), (20, other)]).verdict == .pass)
    }

    @Test("the request rate is over the time span of the counts, and may have a minimum")
    func requestRate() {
        let gate = ThresholdGate(metric: .requestRate, min: 5, interval: .seconds(1), window: .seconds(10))
        let busy = (1...40).map { (Double($0), Self.errors(0, of: 6)) }
        #expect(Self.run(gate, busy).verdict == .pass)
        let idle = (41...60).map { (Double($0), Self.errors(0, of: 1)) }
        #expect(Self.run(gate, busy + idle).verdict == .fail)
    }

    @Test("the state stays bounded over a long time with many looks")
    func bounded() throws {
        let gate = ThresholdGate(metric: .latencyP99, max: 1, window: .seconds(60))
        let looks = (0..<5_000).map { (Double($0) / 10, Self.latency([8, 9, 10, 10])) }
        #expect(try JSONEncoder().encode(Self.run(gate, looks)).count < 2_048)
    }

    @Test("the state stays bounded while the clock is before the start")
    func clockBehind() throws {
        let gate = ThresholdGate(metric: .latencyP99, max: 1, window: .seconds(60))
        let looks = (0..<2_000).map { (Double($0) - 90_000, Self.latency([8, 9, 10, 10])) }
        #expect(try JSONEncoder().encode(Self.run(gate, looks)).count < 2_048)
    }
}
