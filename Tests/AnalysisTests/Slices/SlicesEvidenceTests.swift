import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Analysis

/// Small versions of `make bench ONLY=slices`. The seeds are in the arguments.
@Suite("Evidence of slices of the traffic")
struct SlicesEvidenceTests {
    private static func slices(_ count: Int) -> SlicesEvidence {
        SlicesEvidence([.top(count)], relativeTolerance: 0.10, absoluteTolerance: nil)
    }

    private static func gate(_ slices: [TrafficSlice], alpha: Double = 0.0045, metric: CompareGate.Metric = .errors)
        -> GateEvidence
    {
        GateEvidence(
            spec: GateSpec(name: "errors", kind: .compare(CompareGate(metric: metric))), alpha: alpha, slices: slices)
    }

    // MARK: The guarantee

    @Test(
        "equal versions fail no more often than promised, over the whole traffic and twenty slices, at every look",
        arguments: [FailureStream(single: 0.02), .clumps(of: 5, rate: 0.02)], [0.1, 0.5])
    func promise(stream: FailureStream, weight: Double) {
        let alpha = 0.2
        let failed = (0..<20).count { seed in
            var traffic = SlicedStream(
                shares: SlicedStream.shares(one: 0.02, of: 20), weight: weight, both: stream,
                seed: 31_000 + UInt64(seed))
            var gate = Self.gate([.top(20)], alpha: alpha)
            return (0..<80).contains { look in
                gate.absorb(traffic.look(500).interval(at: Double(look)), missedRegressionRate: 0.05)
                return gate.verdict == .fail
            }
        }
        // At most 4 are expected.
        #expect(failed <= 5)
    }

    @Test("the parts of all values together never exceed the whole, whenever the values appear")
    func shares() throws {
        var evidence = Self.slices(20)
        func labels(_ range: Range<Int>) -> [String: RateBlock] {
            Dictionary(
                uniqueKeysWithValues: range.map {
                    ("s=\($0)", RateBlock(stable: Trials(count: 40, successes: 0), candidate: .none))
                })
        }
        evidence.absorb(labels(0..<3), target: 5)
        #expect(evidence.count == 0, "weights wait for \(SlicesEvidence.requestsToWeigh) requests")
        #expect(abs(evidence.logValue) < 1e-9)
        for last in 8...30 { evidence.absorb(labels(0..<last), target: 5) }
        // The rest of `top: 20` is a value too.
        #expect(evidence.count == 21)
        #expect(evidence.logValue <= 1e-9)
    }

    @Test("a value's part depends on its number of requests, never on their outcomes")
    func weights() {
        func shares(failures: Double) -> Double? {
            var evidence = Self.slices(2)
            evidence.absorb(
                [
                    "s=a": RateBlock(
                        stable: Trials(count: 900, successes: 9), candidate: Trials(count: 300, successes: 3)),
                    "s=b": RateBlock(
                        stable: Trials(count: 90, successes: 1), candidate: Trials(count: 30, successes: failures)),
                ], target: 5)
            return evidence.share(of: "s=b")
        }
        #expect(shares(failures: 30) == shares(failures: 0))
        #expect(shares(failures: 30) ?? 0 > 0.6, "few requests, and so the larger part")
    }

    @Test("slices of other definitions, and values over the limit, are ignored")
    func limits() {
        var evidence = SlicesEvidence(
            [TrafficSlice(name: "s", key: .header("x-s"), values: .listed(["a"]))], relativeTolerance: 0.1,
            absoluteTolerance: nil)
        let bad = RateBlock(stable: Trials(count: 900, successes: 0), candidate: Trials(count: 300, successes: 150))
        evidence.absorb(["s=a": bad, "s=other": bad, "s=c": bad, "t=a": bad], target: 5)
        #expect(evidence.count == 2)
    }

    // MARK: Speed

    /// - Returns: the mean number of the slice's candidate requests until the gate fails.
    private static func requestsToFail(_ count: Int, healthy: Int = 0, streams: Int = 12) -> Double {
        let ends = (0..<streams).map { seed -> Double in
            var traffic = SlicedStream(
                shares: SlicedStream.shares(one: 0.02, of: count), weight: 0.25, both: FailureStream(single: 0.01),
                seed: 32_000 + UInt64(seed))
            var evidence = slices(count)
            let target = log(1 / 0.0045) - log(SlicesEvidence.share)
            var (look, own) = (0, 0.0)
            while own < 5_000 {
                look += 1
                if look == healthy + 1 { traffic.candidate[0].single = 0.10 }
                let blocks = traffic.look(200).blocks
                if look > healthy { own += blocks["s=0"]?.candidate.count ?? 0 }
                evidence.absorb(blocks, target: target)
                if evidence.logValue >= target { break }
            }
            return own
        }
        return ends.reduce(0, +) / Double(ends.count)
    }

    @Test(
        "a regression in 2 % of the traffic is found nearly as soon among four slices as by a gate for that slice alone"
    )
    func speed() {
        #expect(Self.requestsToFail(4) <= 1.3 * Self.requestsToFail(1))
    }

    @Test("a long healthy past does not hide it")
    func alertness() { #expect(Self.requestsToFail(4, healthy: 300) <= 3 * Self.requestsToFail(4)) }

    // MARK: The gate

    private static func failing(_ rate: Double, looks: Int = 120, slices: [TrafficSlice] = [.top(4)]) -> GateEvidence {
        var traffic = SlicedStream(
            shares: SlicedStream.shares(one: 0.02, of: 4), weight: 0.25, both: FailureStream(single: 0.01), seed: 33_000
        )
        traffic.candidate[0].single = rate
        var gate = gate(slices)
        for look in 0..<looks {
            gate.absorb(traffic.look(500).interval(at: Double(look)), missedRegressionRate: 0.05)
        }
        return gate
    }

    @Test("if a slice fails the gate, the reason names it")
    func reason() throws {
        let gate = Self.failing(0.25, looks: 30)
        #expect(gate.verdict == .fail)
        #expect(gate.reason.hasPrefix("in s=0 candidate "))
        #expect(gate.reason.contains(" to 1 against being within tolerance; "))
        #expect(gate.reason.contains("; of all requests candidate "))
        #expect(Self.failing(0.25, looks: 30, slices: []).verdict != .fail, "the whole does not show it")
        #expect(gate.words(missedRegressionRate: 0.05).fails.hasSuffix(", of all requests or of a slice"))
    }

    @Test("a slice that stands out is named before it fails the gate")
    func standsOut() {
        #expect(
            stride(from: 2, through: 30, by: 2).contains { looks in
                let gate = Self.failing(0.25, looks: looks)
                return gate.verdict != .fail
                    && gate.reason.contains("; of 4 slices s=0 is nearest to failing: candidate ")
            })
    }

    @Test("a pass is for the whole traffic, and names a slice only if it stands out")
    func passes() {
        let gate = Self.failing(0.01, looks: 200)
        #expect(gate.verdict == .pass)
        #expect(gate.reason.contains("; none of 4 slices stands out; "))
        #expect(Self.failing(0.01, looks: 0).reason == "no data yet")
    }

    @Test("slow requests of a slice use the bound of the whole traffic")
    func slow() {
        var gate = Self.gate([.top(2)], metric: .slow)
        func side(_ requests: Int, slow: Int, inSlice: Int) -> SideCounts {
            SideCounts(
                requests: requests, latency: [requests - slow, requests], bounds: [0.1, 1], slowTogether: [slow, 0],
                slices: gate.slowEdgeOfSlices.map { edge in
                    [
                        "s=a": SliceCounts(
                            requests: requests / 10,
                            slow: [.init(edge: edge, requests: requests / 10, slow: inSlice, together: inSlice)]),
                        "s=b": SliceCounts(requests: requests * 9 / 10),
                    ]
                })
        }
        #expect(gate.slowEdgeOfSlices == nil)
        for look in 0..<20 {
            gate.absorb(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: Double(look)), stable: side(900, slow: 9, inSlice: 1),
                    candidate: side(300, slow: 3, inSlice: 15)), missedRegressionRate: 0.05)
        }
        #expect(gate.slowEdgeOfSlices == 0.1)
        #expect(gate.verdict == .fail)
        #expect(gate.reason.hasPrefix("in s=a candidate "))
    }

    @Test("latency quantiles and other sources have no slices")
    func others() {
        #expect(!Self.gate([.top(2)], metric: .latencyP99).judgesSlices)
        let ratio = CompareGate(.counters(CounterRatio(source: "server", of: "a", per: "b")))
        let gate = GateEvidence(
            spec: GateSpec(name: "g", kind: .compare(ratio)), alpha: 0.01, slices: [.top(2)])
        #expect(!gate.judgesSlices)
    }

    @Test("the evidence of a value is under 2 KiB as JSON, and a restart changes nothing")
    func records() throws {
        let plain = try JSONEncoder().encode(Self.failing(0.012, looks: 60, slices: [])).count
        let sliced = Self.failing(0.012, looks: 60)
        let text = try JSONEncoder().encode(sliced)
        #expect(text.count < plain + 4 * 1_024)
        var (whole, restarted) = (sliced, try JSONDecoder().decode(GateEvidence.self, from: text))
        var traffic = SlicedStream(
            shares: SlicedStream.shares(one: 0.02, of: 4), weight: 0.25, both: FailureStream(single: 0.01), seed: 34_000
        )
        for look in 60..<80 {
            let interval = traffic.look(300).interval(at: Double(look))
            whole.absorb(interval, missedRegressionRate: 0.05)
            restarted.absorb(interval, missedRegressionRate: 0.05)
            restarted = try JSONDecoder().decode(GateEvidence.self, from: JSONEncoder().encode(restarted))
        }
        #expect(whole == restarted)
        #expect(whole.reason == restarted.reason)
    }

    @Test("a recording is judged as the live rollout was")
    func replay() throws {
        var traffic = SlicedStream(
            shares: SlicedStream.shares(one: 0.02, of: 4), weight: 0.25, both: FailureStream(single: 0.01), seed: 33_000
        )
        traffic.candidate[0].single = 0.25
        let gates = [GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))]
        var live = Judgement(
            gates: gates, falseRollbackRate: 0.01, missedRegressionRate: 0.05,
            startedAt: Date(timeIntervalSinceReferenceDate: 0), slices: [.top(4)])
        var (stable, candidate) = (SideCounts(), SideCounts())
        var lines: [String] = []
        for look in 1...30 {
            let interval = traffic.look(500).interval(at: Double(look))
            live.absorb(interval)
            stable.add(interval.stable)
            candidate.add(interval.candidate)
            let line = ReplayLine(
                stream: "a", t: Double(look), stable: ReplaySide(stable), candidate: ReplaySide(candidate))
            lines.append(String(decoding: try JSONEncoder().encode(line), as: UTF8.self))
        }
        let again = try Replay.run(
            gates: gates, falseRollbackRate: 0.01, missedRegressionRate: 0.05, slices: [.top(4)], lines: lines)
        #expect(live.evidence[0].verdict == .fail)
        #expect(again.map(\.reason) == [live.evidence[0].reason])
        let whole = try Replay.run(gates: gates, falseRollbackRate: 0.01, missedRegressionRate: 0.05, lines: lines)
        #expect(whole.map(\.verdict) != [.fail])
    }

    @Test(
        "a gate that is added during a rollout uses the rollout's slices, and other gates keep their rate")
    func judgement() {
        let errors = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))
        let rejected = GateSpec(name: "rejected", kind: .compare(CompareGate(metric: .rejected)))
        let start = Date(timeIntervalSinceReferenceDate: 0)
        var judgement = Judgement(
            gates: [errors], falseRollbackRate: 0.01, missedRegressionRate: 0.05, startedAt: start, slices: [.top(3)])
        let alpha = judgement.evidence[0].alpha
        judgement.update(gates: [errors, rejected], at: start)
        #expect(judgement.evidence.map(\.judgesSlices) == [true, true])
        #expect(judgement.evidence[0].alpha == alpha)
        #expect(judgement.slowEdgesOfSlices == [])
    }
}
