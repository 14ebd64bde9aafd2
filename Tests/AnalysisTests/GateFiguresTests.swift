import Foundation
import ModelManifests
import RealModule
import Testing

@testable import Analysis

@Suite("The numbers behind a verdict")
struct GateFiguresTests {
    private func evidence(_ gate: CompareGate, alpha: Double = 0.0045) -> GateEvidence {
        GateEvidence(spec: GateSpec(name: "errors", kind: .compare(gate)), alpha: alpha)
    }

    private func interval(stable: (Int, of: Int), candidate: (Int, of: Int)) -> Interval {
        func side(_ counts: (Int, of: Int)) -> SideCounts {
            SideCounts(
                requests: counts.of, errors: counts.0, latency: [counts.of / 2, counts.of - 1, counts.of],
                bounds: [0.1, 0.25])
        }
        return Interval(
            at: Date(timeIntervalSinceReferenceDate: 0), stable: side(stable), candidate: side(candidate))
    }

    @Test("are those of the reason: the odds, their boundaries, and the rates of both sides")
    func rates() throws {
        var evidence = evidence(CompareGate(metric: .errors, maxRelativeIncrease: 0.1, minSamples: 200))
        #expect(evidence.figures == nil)
        evidence.absorb(interval(stable: (3, of: 300), candidate: (9, of: 30)), missedRegressionRate: 0.05)
        let figures = try #require(evidence.figures)
        #expect(evidence.verdict == .fail && figures.fail.log >= figures.fail.boundaryLog)
        #expect(
            abs(figures.fail.boundaryLog - .log(1 / 0.0045)) < 1e-9 && abs(figures.pass.boundaryLog - .log(20)) < 1e-9)
        #expect(evidence.reason.contains("\(EvidenceText.odds(figures.fail.log)) against \(figures.fail.against)"))
        #expect(figures.gate == "errors" && figures.samples == 30 && figures.minSamples == 200)
        let rates = try #require(figures.rates)
        #expect(rates.stable.hits == 3 && rates.stable.count == 300 && abs(rates.candidate.rate - 0.3) < 1e-9)
        #expect(
            abs(rates.tolerated - 0.011) < 1e-9 && rates.excludedAbove > rates.tolerated && figures.latencies == nil)
    }

    @Test("of latencies are the counts at common edges")
    func latencies() throws {
        var evidence = evidence(CompareGate(metric: .latencyP95, maxRelativeIncrease: 0.2))
        for _ in 0..<3 {
            evidence.absorb(interval(stable: (0, of: 300), candidate: (0, of: 100)), missedRegressionRate: 0.05)
        }
        let latencies = try #require(evidence.figures?.latencies)
        #expect(latencies.edges == [0.1, 0.25] && latencies.stable.last == 900 && latencies.candidate.last == 300)
        #expect(latencies.quantile == 0.95 && evidence.figures?.rates == nil)
    }

    @Test("survive JSON, whatever the evidence is, and are not there for gates without odds")
    func coding() throws {
        var evidence = evidence(CompareGate(metric: .errors), alpha: 1e-300)
        for _ in 0..<50 {
            evidence.absorb(
                interval(stable: (0, of: 30_000), candidate: (29_999, of: 30_000)), missedRegressionRate: 1e-300)
        }
        let figures = try #require(evidence.figures)
        #expect(figures.fail.log <= GateFigures.largestLog && figures.fail.log.isFinite && figures.pass.log.isFinite)
        let data = try JSONEncoder().encode(figures)
        #expect(try JSONDecoder().decode(GateFigures.self, from: data) == figures && data.count < 1024)
        var threshold = GateEvidence(
            spec: GateSpec(name: "p99", kind: .threshold(ThresholdGate(metric: .latencyP99, max: 0.25))), alpha: 0.01)
        threshold.absorb(interval(stable: (0, of: 300), candidate: (0, of: 300)), missedRegressionRate: 0.05)
        #expect(threshold.figures == nil)
    }
}
