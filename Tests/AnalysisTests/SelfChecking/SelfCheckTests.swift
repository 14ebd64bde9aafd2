import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Analysis

@Suite("A rollout compared with itself")
struct SelfCheckTests {
    private static let defaults = GateSpecs.judgement()

    private enum GateSpecs {
        static func judgement(_ gates: [GateSpec] = RolloutSpec.defaultGates) -> Judgement {
            Judgement(
                gates: gates, falseRollbackRate: 0.01, missedRegressionRate: 0.05,
                startedAt: Date(timeIntervalSinceReferenceDate: 0))
        }
    }

    private static func interval(_ counts: SideCounts) -> Interval {
        Interval(at: Date(timeIntervalSinceReferenceDate: 0), stable: counts, candidate: SideCounts(requests: 7))
    }

    /// 200 looks at stable with 200 requests each; `stream` determines the failures.
    private static func outcome(
        _ stream: FailureStream, seed: UInt64, looks: Int = 200, tellsEvents: Bool = true
    ) -> SelfCheck.Outcome? {
        var check = SelfCheck(defaults, seed: seed)
        var stream = stream
        var draws = SeededDraws(seed: seed)
        for _ in 0..<looks {
            let counts = stream.next(200, &draws)
            check?.absorb(
                interval(
                    SideCounts(
                        requests: counts.requests, errors: counts.failures,
                        errorsTogether: tellsEvents ? counts.together : counts.failures)), share: 0.25)
        }
        return check?.outcome
    }

    private static func alarms(_ stream: FailureStream, rollouts: Int, tellsEvents: Bool = true) -> Int {
        (1...rollouts).count { outcome(stream, seed: UInt64($0), tellsEvents: tellsEvents)?.hasAlarmed == true }
    }

    @Test("single failures, clumps and restarts that the source reports cause no more alarms than promised")
    func kept() {
        let streams = [
            FailureStream(single: 0.01), .clumps(of: 5, rate: 0.01),
            FailureStream(single: 0.001, event: 0.0003, eventSizes: 20...60, atOnce: false),
        ]
        for stream in streams {
            let alarms = Self.alarms(stream, rollouts: 100)
            #expect(alarms <= 3, "\(alarms) of 100: \(stream)")
        }
    }

    @Test("clumps that the source does not report would be hidden if the check split by reported events only")
    func pretended() {
        // The source reports that each failure came alone, but they come in clumps of ten.
        let alarms = Self.alarms(.clumps(of: 10, rate: 0.01), rollouts: 60, tellsEvents: false)
        #expect(alarms == 0, "they are split one by one: \(alarms)")
    }

    @Test("a gate that does not allow for clumps is detected")
    func foundOut() {
        // The failures of a look are one event for the split, and single ones for the gate.
        var broken = 0
        for seed in 1...40 {
            var split = TrialsSplitter(seed: UInt64(seed))
            var comparison = RateComparison(CompareGate(metric: .errors))
            var stream = FailureStream.clumps(of: 10, rate: 0.01)
            var draws = SeededDraws(seed: UInt64(seed))
            for _ in 0..<400 {
                let counts = stream.next(200, &draws)
                var block = split.block(
                    Trials(count: 200, successes: Double(counts.failures), together: Double(counts.together)),
                    share: 0.25)
                (block.stable.together, block.candidate.together) = (block.stable.successes, block.candidate.successes)
                comparison.absorb(block, of: .users, target: -log(0.003))
                if comparison.logFailEvidence >= -log(0.003) {
                    broken += 1
                    break
                }
            }
        }
        #expect(broken >= 4, "\(broken) of 40")
    }

    @Test("gates of errors and of slow requests are checked, each with its own share of the rate")
    func promised() throws {
        let outcome = try #require(Self.outcome(FailureStream(single: 0.01), seed: 1))
        let alphas = Self.defaults.evidence.filter { ["errors", "slow"].contains($0.spec.metricName) }.map(\.alpha)
        #expect(alphas.count == 2)
        #expect(abs(outcome.promisedRate - alphas.reduce(0, +)) < 1e-12)
        #expect(outcome.promisedRate < 0.01)
        #expect(SelfCheck(GateSpecs.judgement([]), seed: 1) == nil)
        let cost = GateSpec(name: "c", kind: .cost(CostGate(.memory)))
        #expect(SelfCheck(GateSpecs.judgement([cost]), seed: 1) == nil)
    }

    @Test("slow requests are split at the bound of the gate, which stable's past chooses")
    func slow() {
        var check = SelfCheck(Self.defaults, seed: 4)
        let before = check
        check?.learn(stableHistory: SideCounts(requests: 1000, latency: [950, 1000, 1000], bounds: [0.1, 1]))
        #expect(check != before)
        for _ in 0..<50 {
            check?.absorb(
                Self.interval(
                    SideCounts(
                        requests: 100, latency: [92, 100, 100], bounds: [0.1, 1], errorsTogether: 0,
                        slowTogether: [8, 0])), share: 0.5)
        }
        #expect(check?.outcome?.hasAlarmed == false)
    }

    @Test("without requests, with a share of 0, and with sticky users there is no trial")
    func noTrial() {
        var check = SelfCheck(Self.defaults, seed: 2)
        check?.absorb(Self.interval(SideCounts()), share: 0.5)
        check?.absorb(Self.interval(SideCounts(requests: 9)), share: 0)
        check?.absorb(Self.interval(SideCounts(requests: 9)), share: 1)
        #expect(check?.outcome == nil)
        check?.absorb(Self.interval(SideCounts(requests: 99)), share: 0.5)
        #expect(check?.outcome != nil)
        var sticky = SideCounts(requests: 99)
        sticky.every = RequestStratum(requests: 200)
        check?.absorb(Self.interval(sticky), share: 0.5)
        #expect(check?.outcome == nil)
    }

    @Test("it continues from a record, which is small")
    func record() throws {
        var check = try #require(SelfCheck(Self.defaults, seed: 8))
        var traffic = Traffic(seed: 8)
        for turn in 0..<300 {
            let errors = traffic.successes(200, rate: 0.02)
            let slow = traffic.successes(200, rate: 0.05)
            check.absorb(
                Self.interval(
                    SideCounts(
                        requests: 200, errors: errors, latency: [200 - slow, 200, 200], bounds: [0.1, 1],
                        errorsTogether: errors, slowTogether: [slow, 0])), share: 0.25)
            guard turn == 200 else { continue }
            let data = try JSONEncoder().encode(check)
            #expect(data.count < 4096, "\(data.count)")
            check = try JSONDecoder().decode(SelfCheck.self, from: data)
        }
        #expect(check.outcome?.hasAlarmed == false)
    }
}

extension GateSpec {
    fileprivate var metricName: String {
        if case .compare(let gate) = kind { gate.metric?.rawValue ?? "" } else { "" }
    }
}
