import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct GateEvidenceTests {
    static func errorsGate(minSamples: Int = 0, margin: PassMargin = PassMargin()) -> GateSpec {
        GateSpec(
            name: "errors", kind: .compare(CompareGate(metric: .errors, minSamples: minSamples, passMargin: margin)))
    }

    static func evidence(_ spec: GateSpec = errorsGate(), alpha: Double = 0.009) -> GateEvidence {
        GateEvidence(spec: spec, alpha: alpha)
    }

    @Test("without data the verdict is insufficient, and the reason says so")
    func empty() {
        let evidence = Self.evidence()
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.samples == 0)
        #expect(evidence.reason == "no data yet")
    }

    @Test("a regression fails, with its numbers in the reason")
    func fails() {
        var evidence = Self.evidence()
        evidence.absorb(.errors(stable: (96, of: 9_180), candidate: (31, of: 1_020)), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .fail)
        #expect(evidence.samples == 1_020)
        #expect(
            evidence.reason.hasPrefix(
                "candidate 31 errors of 1,020 (3.04 %), stable 96 errors of 9,180 (1.05 %), ratio 2.91; "))
        #expect(evidence.reason.hasSuffix(" to 1 against being within tolerance"))
    }

    @Test("an equal candidate passes, and continues to pass")
    func passes() {
        var evidence = Self.evidence()
        for _ in 0..<20 {
            evidence.absorb(.errors(stable: (15, of: 1_500), candidate: (5, of: 500)), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .pass)
        #expect(evidence.reason.contains(" to 1 against a regression beyond the pass margin"))
        evidence.absorb(.errors(stable: (15, of: 1_500), candidate: (9, of: 500)), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .pass)
    }

    @Test("a gate that passed may still fail, and a failure is final")
    func failsAfterPass() {
        var evidence = Self.evidence()
        for _ in 0..<20 {
            evidence.absorb(.errors(stable: (15, of: 1_500), candidate: (5, of: 500)), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .pass)
        for _ in 0..<10 {
            evidence.absorb(.errors(stable: (15, of: 1_500), candidate: (50, of: 500)), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .fail)
        let failed = evidence
        evidence.absorb(.errors(stable: (15, of: 1_500), candidate: (0, of: 500)), missedRegressionRate: 0.05)
        #expect(evidence == failed)
    }

    @Test("there is no pass before minSamples of the candidate; a failure needs none")
    func minSamples() {
        var evidence = Self.evidence(Self.errorsGate(minSamples: 2_000))
        for _ in 0..<15 {
            evidence.absorb(.errors(stable: (0, of: 300), candidate: (0, of: 100)), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.reason.hasSuffix("500 samples to go"))
        for _ in 0..<5 {
            evidence.absorb(.errors(stable: (0, of: 300), candidate: (0, of: 100)), missedRegressionRate: 0.05)
        }
        #expect(evidence.verdict == .pass)
        var failing = Self.evidence(Self.errorsGate(minSamples: 2_000))
        failing.absorb(.errors(stable: (3, of: 300), candidate: (40, of: 100)), missedRegressionRate: 0.05)
        #expect(failing.verdict == .fail)
    }

    @Test("a rollout without traffic stays insufficient, whichever side is idle")
    func idle() {
        var evidence = Self.evidence()
        evidence.absorb(.errors(stable: (0, of: 0), candidate: (0, of: 0)), missedRegressionRate: 0.05)
        #expect(evidence.reason == "no requests of either side yet")
        evidence.absorb(.errors(stable: (3, of: 300), candidate: (0, of: 0)), missedRegressionRate: 0.05)
        #expect(evidence.reason == "no requests of the candidate yet")
        #expect(evidence.verdict == .insufficient)
    }

    @Test("invalid counts are not evidence, and are named")
    func impossible() {
        var evidence = Self.evidence()
        evidence.absorb(.errors(stable: (3, of: 300), candidate: (90, of: 50)), missedRegressionRate: 0.05)
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.samples == 0)
        #expect(evidence.reason == "candidate reports more errors than requests: not comparable")
    }

    @Test("rejected requests are compared by their own gate")
    func rejected() {
        var evidence = Self.evidence(GateSpec(name: "rejected", kind: .compare(CompareGate(metric: .rejected))))
        evidence.absorb(
            Interval(
                at: Date(timeIntervalSinceReferenceDate: 0),
                stable: SideCounts(requests: 900, rejected: 9), candidate: SideCounts(requests: 100, rejected: 40)),
            missedRegressionRate: 0.05)
        #expect(evidence.verdict == .fail)
    }

    static let everyKind: [GateSpec] = [
        errorsGate(),
        GateSpec(
            name: "both",
            kind: .compare(CompareGate(metric: .errors, maxRelativeIncrease: 0.1, maxAbsoluteIncrease: 0.01))),
        GateSpec(name: "slow", kind: .compare(CompareGate(metric: .slow))),
        GateSpec(name: "p99", kind: .threshold(ThresholdGate(metric: .latencyP99, max: 0.25))),
        GateSpec(name: "rate", kind: .threshold(ThresholdGate(metric: .errors, max: 0.05))),
    ]

    static func interval(_ index: Int, _ traffic: inout Traffic) -> Interval {
        func side(_ count: Int) -> SideCounts {
            let fast = traffic.successes(count, rate: 0.9)
            let medium = fast + traffic.successes(count - fast, rate: 0.8)
            return SideCounts(
                requests: count, errors: traffic.successes(count, rate: 0.0123), latency: [fast, medium, count],
                bounds: [0.1, 0.25])
        }
        return Interval(
            at: Date(timeIntervalSinceReferenceDate: Double(index)), stable: side(1_500), candidate: side(137))
    }

    @Test("evidence is under 2 KiB as JSON", arguments: everyKind)
    func size(_ spec: GateSpec) throws {
        var evidence = Self.evidence(spec)
        var traffic = Traffic(seed: 21)
        for index in 0..<200 { evidence.absorb(Self.interval(index, &traffic), missedRegressionRate: 0.05) }
        #expect(try JSONEncoder().encode(evidence).count < 2_048)
    }

    @Test("a restart in the middle changes nothing", arguments: everyKind)
    func restart(_ spec: GateSpec) throws {
        var whole = Self.evidence(spec)
        var restarted = Self.evidence(spec)
        var traffic = Traffic(seed: 22)
        for index in 0..<60 {
            let interval = Self.interval(index, &traffic)
            whole.absorb(interval, missedRegressionRate: 0.05)
            restarted.absorb(interval, missedRegressionRate: 0.05)
            restarted = try JSONDecoder().decode(GateEvidence.self, from: JSONEncoder().encode(restarted))
        }
        #expect(whole == restarted)
        #expect(whole.reason == restarted.reason)
    }
}
