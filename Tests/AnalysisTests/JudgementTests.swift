import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct JudgementTests {
    static let start = Date(timeIntervalSinceReferenceDate: 0)

    static func compare(_ name: String, _ metric: CompareGate.Metric = .errors, tolerance: Double = 0.1) -> GateSpec {
        GateSpec(name: name, kind: .compare(CompareGate(metric: metric, maxRelativeIncrease: tolerance)))
    }

    static let threshold = GateSpec(name: "limit", kind: .threshold(ThresholdGate(metric: .errors, max: 0.5)))

    static func judgement(_ gates: [GateSpec]) -> Judgement {
        Judgement(gates: gates, falseRollbackRate: 0.01, missedRegressionRate: 0.05, startedAt: start)
    }

    @Test("nine tenths of the rate are split between the comparing gates")
    func split() {
        let judgement = Self.judgement([Self.compare("a"), Self.compare("b", .rejected), Self.threshold])
        #expect(abs(judgement.evidence[0].alpha - 0.0045) < 1e-15)
        #expect(abs(judgement.evidence[1].alpha - 0.0045) < 1e-15)
    }

    @Test("whatever is added, removed and added again, the rates of all gates never exceed the whole rate")
    func reserve() {
        var judgement = Self.judgement([Self.compare("a")])
        var spent = judgement.evidence.reduce(0) { $0 + $1.alpha }
        for round in 0..<50 {
            let added = (0...(round % 3)).map { Self.compare("new-\(round)-\($0)") }
            judgement.update(gates: [Self.compare("a")] + added)
            spent += judgement.evidence.dropFirst().reduce(0) { $0 + $1.alpha }
            #expect(judgement.evidence.allSatisfy { $0.alpha > 0 })
        }
        #expect(spent <= 0.01 + 1e-12)
        #expect(spent > 0.0099)
    }

    @Test("gates that only warn cost the others nothing, and share the reserve for later gates")
    func warning() {
        let warns = [Self.compare("w", .slow), Self.compare("v", .rejected)].map {
            GateSpec(name: $0.name, kind: $0.kind, warnOnly: true)
        }
        let judgement = Self.judgement([Self.compare("a")] + warns)
        #expect(abs(judgement.evidence[0].alpha - 0.009) < 1e-15)
        #expect(judgement.evidence.reduce(0) { $0 + $1.alpha } <= 0.0095 + 1e-15)
        #expect(judgement.evidence[1].alpha > 0)
        var more = judgement
        more.update(gates: judgement.evidence.map(\.spec) + [Self.compare("b", .rejected)])
        #expect(more.evidence.reduce(0) { $0 + $1.alpha } <= 0.01 + 1e-15)
    }

    @Test("whether a gate acts changes neither its evidence nor its rate")
    func letAct() {
        let warns = GateSpec(name: "a", kind: Self.compare("a").kind, warnOnly: true)
        var judgement = Self.judgement([warns])
        for _ in 0..<20 { judgement.absorb(.errors(stable: (15, of: 1_500), candidate: (200, of: 500))) }
        #expect(judgement.evidence[0].verdict == .fail)
        #expect(judgement.verdict == .pass, "no gate that acts is there")
        let before = judgement.evidence[0]
        judgement.update(gates: [Self.compare("a")])
        #expect(judgement.verdict == .fail)
        #expect(judgement.evidence[0].samples == before.samples)
        #expect(judgement.evidence[0].alpha == before.alpha)
    }

    @Test("kept gates keep their evidence, removed ones go, added ones begin")
    func update() {
        var judgement = Self.judgement([Self.compare("a"), Self.compare("b", .rejected)])
        judgement.absorb(.errors(stable: (9, of: 900), candidate: (2, of: 100)))
        let kept = judgement.evidence[0]
        judgement.update(gates: [Self.compare("c", .slow), Self.compare("a")])
        #expect(judgement.evidence.map(\.spec.name) == ["c", "a"])
        #expect(judgement.evidence[1] == kept)
        #expect(judgement.evidence[0].samples == 0)
    }

    @Test("another tolerance is a new gate; another margin restarts only the pass")
    func changed() {
        var judgement = Self.judgement([Self.compare("a")])
        for _ in 0..<20 { judgement.absorb(.errors(stable: (15, of: 1_500), candidate: (5, of: 500))) }
        #expect(judgement.verdict == .pass)
        var wider = judgement
        wider.update(gates: [Self.compare("a", tolerance: 0.5)])
        #expect(wider.evidence[0].samples == 0)
        #expect(wider.verdict == .insufficient)
        var stricter = judgement
        var gate = CompareGate(metric: .errors)
        gate.passMargin = PassMargin(relative: 0.2, absolute: 0)
        stricter.update(gates: [GateSpec(name: "a", kind: .compare(gate))])
        #expect(stricter.evidence[0].samples == 10_000)
        #expect(stricter.evidence[0].alpha == judgement.evidence[0].alpha)
        #expect(stricter.verdict == .insufficient)
        stricter.absorb(.errors(stable: (15, of: 1_500), candidate: (5, of: 500)))
        #expect(stricter.verdict == .insufficient)
    }

    @Test("another minimum of samples keeps everything")
    func changedFloor() {
        var judgement = Self.judgement([Self.compare("a")])
        for _ in 0..<20 { judgement.absorb(.errors(stable: (15, of: 1_500), candidate: (5, of: 500))) }
        var gate = CompareGate(metric: .errors)
        gate.minSamples = 10_100
        judgement.update(gates: [GateSpec(name: "a", kind: .compare(gate))])
        #expect(judgement.verdict == .insufficient)
        judgement.absorb(.errors(stable: (15, of: 1_500), candidate: (5, of: 500)))
        #expect(judgement.verdict == .pass)
    }

    @Test("one failure is a failure of all; a pass needs all gates; without gates it passes")
    func verdict() {
        #expect(Self.judgement([]).verdict == .pass)
        var judgement = Self.judgement([Self.compare("a"), Self.threshold])
        #expect(judgement.verdict == .insufficient)
        judgement.absorb(.errors(at: 1, stable: (9, of: 900), candidate: (2, of: 100)))
        #expect(judgement.evidence(of: "limit")?.verdict == .pass)
        #expect(judgement.verdict == .insufficient)
        for second in 2..<6 {
            judgement.absorb(.errors(at: Double(second), stable: (9, of: 900), candidate: (20, of: 100)))
        }
        #expect(judgement.verdict == .fail)
    }
}
