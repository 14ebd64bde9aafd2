import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Analysis

@Suite("A forecast of verdicts")
struct VerdictForecastTests {
    private static func rollout(
        _ steps: [RolloutStep] = RolloutSpec.defaultSteps, gates: [GateSpec]? = nil
    ) -> RolloutSpec {
        RolloutSpec(
            steps: steps, gates: gates ?? [GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))])
    }

    private static func traffic(_ perSecond: Double, errors: Double) -> TrafficRate {
        TrafficRate(
            requests: Int(perSecond * 1000), errors: Int((perSecond * 1000 * errors).rounded()), rejected: 0,
            seconds: 1000)
    }

    /// One rollout with chance: when its gate passes, or fails.
    private static func simulate(
        _ rollout: RolloutSpec, perSecond: Double, stable: Double, candidate: Double, seed: UInt64
    ) -> (verdict: Verdict, seconds: Double, requests: Int) {
        var traffic = Traffic(seed: seed)
        var judgement = Judgement(
            gates: rollout.gates, falseRollbackRate: rollout.falseRollbackRate,
            missedRegressionRate: rollout.missedRegressionRate, startedAt: Date(timeIntervalSinceReferenceDate: 0))
        // The weights of the default steps, by the clock; the last one below 100 until there is a verdict.
        func weight(_ seconds: Double) -> Double { seconds < 60 ? 0.05 : seconds < 120 ? 0.25 : 0.5 }
        let look = max(0.5, 8 / (perSecond * 0.05))
        var seconds = 0.0
        var requests = 0
        while judgement.verdict == .insufficient, seconds < 1e6 {
            seconds += look
            let interval = traffic.interval(
                at: seconds, size: Int(perSecond * look), weight: weight(seconds), stable: stable, candidate: candidate)
            requests += interval.candidate.requests
            judgement.absorb(interval)
        }
        return (judgement.verdict, seconds, requests)
    }

    /// Traffic, stable's errors, and those of the regression.
    private static let cases: [(perSecond: Double, errors: Double)] = [(12, 0.01), (100, 0.002), (50, 0.03), (200, 0)]

    @Test("is within a factor of two of the median of seeded rollouts", arguments: cases)
    func median(perSecond: Double, errors: Double) throws {
        // Without pauses that end early: the weights follow the clock.
        let steps = RolloutSpec.defaultSteps.map { RolloutStep($0.action) }
        let rollout = Self.rollout(steps)
        let forecast = try #require(VerdictForecast(rollout, traffic: Self.traffic(perSecond, errors: errors)))
        let gate = try #require(forecast.gates.first)
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        let good = (0..<31).map {
            Self.simulate(rollout, perSecond: perSecond, stable: errors, candidate: errors, seed: UInt64($0))
        }.filter { $0.verdict == .pass }
        #expect(good.count >= 29)
        let toPass = try #require(gate.secondsToPass) / median(good.map(\.seconds))
        #expect(toPass > 0.5 && toPass < 2, "\(toPass)")
        let bad = (0..<31).map {
            Self.simulate(
                rollout, perSecond: perSecond, stable: errors, candidate: gate.regression, seed: UInt64(100 + $0))
        }
        #expect(bad.allSatisfy { $0.verdict == .fail })
        let toFail = Double(try #require(gate.candidateRequestsToFail)) / median(bad.map { Double($0.requests) })
        #expect(toFail > 0.5 && toFail < 2, "\(toFail)")
    }

    @Test("is the same for the same inputs, and says what it is based on")
    func words() throws {
        let traffic = Self.traffic(12, errors: 0.01)
        let forecast = try #require(VerdictForecast(Self.rollout(), traffic: traffic))
        #expect(forecast == VerdictForecast(Self.rollout(), traffic: traffic))
        #expect(traffic.text == "12 requests/s, 1 % of them errors")
        let line = try #require(forecast.lines.first)
        #expect(line.hasPrefix("a verdict on errors takes about "))
        #expect(line.contains("; a regression to 5 % errors is found after about "))
        #expect(forecast.steps.count == 6 && forecast.steps[0].text == "at once")
        #expect(forecast.steps[1].text.hasPrefix("at most 1m, until the gates pass"))
        #expect(forecast.steps[5].text.hasPrefix("until the gates pass: about "))
    }

    @Test("more traffic is sooner, and more errors take longer")
    func order() throws {
        func seconds(_ perSecond: Double, _ errors: Double) throws -> Double {
            let forecast = try #require(
                VerdictForecast(Self.rollout(), traffic: Self.traffic(perSecond, errors: errors)))
            return try #require(forecast.gates.first?.secondsToPass)
        }
        #expect(try seconds(100, 0.01) < seconds(10, 0.01))
        #expect(try seconds(20, 0.001) < seconds(20, 0.02))
    }

    @Test("nothing is invented: too little traffic, no split, or other gates")
    func unknown() throws {
        #expect(
            VerdictForecast(Self.rollout(), traffic: TrafficRate(requests: 5, errors: 0, rejected: 0, seconds: 60))
                == nil)
        #expect(
            VerdictForecast(Self.rollout(), traffic: TrafficRate(requests: 500, errors: 0, rejected: 0, seconds: 5))
                == nil)
        #expect(
            VerdictForecast(Self.rollout([RolloutStep(.setWeight(100))]), traffic: Self.traffic(12, errors: 0)) == nil)
        let slow = GateSpec(name: "slow", kind: .compare(CompareGate(metric: .slow)))
        let forecast = try #require(
            VerdictForecast(Self.rollout(gates: [slow]), traffic: Self.traffic(12, errors: 0)))
        #expect(forecast.gates.isEmpty)
        #expect(forecast.steps[5].text == "until the gates pass: not known before (slow: not known before)")
        // A gate that only warns holds nothing.
        var warning = slow
        warning.warnOnly = true
        let errors = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))
        let warned = try #require(
            VerdictForecast(Self.rollout(gates: [errors, warning]), traffic: Self.traffic(12, errors: 0)))
        #expect(warned.gates.map(\.name) == ["errors"] && !warned.steps[5].text.contains("slow"))
    }

    @Test("little traffic has an end: the horizon")
    func horizon() throws {
        let forecast = try #require(
            VerdictForecast(
                Self.rollout(), traffic: TrafficRate(requests: 20, errors: 1, rejected: 0, seconds: 100_000)))
        #expect(forecast.gates.first?.secondsToPass == nil)
        #expect(forecast.lines.first?.hasPrefix("a verdict on errors takes over 30 days") == true)
    }
}
