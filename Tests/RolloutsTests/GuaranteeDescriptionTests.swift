import ModelManifests
import Testing

@testable import Rollouts

@Suite("The combined guarantee of the gates as text")
struct PromiseWordsTests {
    private func compare(_ metric: CompareGate.Metric, warnOnly: Bool = false) -> GateSpec {
        GateSpec(name: metric.rawValue, kind: .compare(CompareGate(metric: metric)), warnOnly: warnOnly)
    }

    private func promise(_ gates: [GateSpec], rate: Double = 0.01, slices: [TrafficSlice] = []) -> GuaranteeDescription?
    {
        var rollout = RolloutSpec()
        rollout.gates = gates
        rollout.falseRollbackRate = rate
        return GuaranteeDescription(rollout, slices: slices)
    }

    @Test("it has the rate, and each assumption once, with the gates that depend on it")
    func grouped() throws {
        let words = try #require(promise([compare(.errors), compare(.slow), compare(.rejected)], rate: 0.005))
        #expect(
            words.text
                == "errors, slow, rejected roll back a candidate that is within their tolerances in at most 1 of 200 rollouts"
        )
        #expect(words.assumes.count == 2)
        #expect(words.assumes.first?.hasPrefix("errors, slow: failures of an instance within 5 ms") == true)
        #expect(words.assumes.last?.hasPrefix("rejected: failures come singly") == true)
    }

    @Test("slices are named with the gates that evaluate them, and nowhere else")
    func slices() {
        let country = [TrafficSlice(name: "country", key: .header("x-country"), values: .top(3))]
        #expect(
            promise([compare(.latencyP99), compare(.errors)], slices: country)?.text
                == "latencyP99, errors roll back a candidate that is within their tolerances (errors also in each slice: "
                + "country) in at most 1 of 100 rollouts")
        #expect(promise([compare(.latencyP99)], slices: country)?.text.contains("slice") == false)
        #expect(promise([compare(.errors)])?.text.contains("slice") == false)
    }

    @Test("a gate that only warns rolls nothing back, and guarantees nothing")
    func warnOnly() {
        #expect(promise([compare(.errors, warnOnly: true)]) == nil)
        #expect(promise([compare(.errors), compare(.slow, warnOnly: true)])?.text.hasPrefix("errors roll") == true)
    }

    @Test("what promises nothing is named, beside what does and alone")
    func unpromised() throws {
        let threshold = GateSpec(name: "p99", kind: .threshold(ThresholdGate(metric: .latencyP99, max: 0.2)))
        let cost = GateSpec(name: "cpu", kind: .cost(CostGate(.cpuPerRequest)))
        #expect(promise([threshold])?.text == "p99: nothing is promised about false alarms")
        #expect(promise([cost, threshold])?.text == "cpu, p99: nothing is promised about false alarms")
        #expect(promise([cost])?.assumes == [])
        #expect(
            promise([compare(.errors), cost])?.text
                == "errors roll back a candidate that is within their tolerances in at most 1 of 100 rollouts; cpu: nothing "
                + "is promised about false alarms")
        #expect(promise([GateSpec(name: "cpu", kind: .cost(CostGate(.cpuPerRequest)), warnOnly: true)]) == nil)
        #expect(promise([]) == nil)
    }
}
