import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct AskedEvidenceTests {
    static func gate(
        min: Double? = nil, max: Double? = 0.25, condition: ThresholdExpression? = nil, initialDelay: Duration = .zero,
        failureLimit: Int = 0
    ) -> ThresholdGate {
        ThresholdGate(
            .query(MetricQuery(source: "prometheus", text: "q")), min: min, max: max, condition: condition,
            interval: .seconds(10), initialDelay: initialDelay, failureLimit: failureLimit)
    }

    static let start = Date(timeIntervalSinceReferenceDate: 0)

    /// Asks what is due at each moment, and answers it.
    static func run(_ gate: ThresholdGate, _ answers: [(seconds: Double, answer: Measured)]) -> GateEvidence {
        var evidence = GateEvidence(
            spec: GateSpec(name: "gate", kind: .threshold(gate)), alpha: 0, startedAt: start)
        for (seconds, answer) in answers {
            let at = start.addingTimeInterval(seconds)
            guard let ordinal = evidence.questionDue(at: at) else { continue }
            evidence.take(.measured(answer), ordinal: ordinal, at: at)
        }
        return evidence
    }

    @Test(
        "the first question is due after the initial delay, then one every interval; it stays due until it is answered")
    func due() {
        let gate = Self.gate(initialDelay: .seconds(30))
        var evidence = SourceThresholdEvidence(gate)
        #expect(evidence.questionDue(atSeconds: 29.9) == nil)
        #expect(evidence.questionDue(atSeconds: 30) == 1)
        #expect(evidence.questionDue(atSeconds: 39) == 1)
        evidence.take(.value(0.1), ordinal: 1, atSeconds: 33, gate)
        #expect(evidence.questionDue(atSeconds: 39.9) == nil)
        #expect(evidence.questionDue(atSeconds: 40) == 2)
        // Two more became due before this answer. They are skipped.
        evidence.take(.value(0.1), ordinal: 2, atSeconds: 65, gate)
        #expect(evidence.questionDue(atSeconds: 69.9) == nil)
        #expect(evidence.questionDue(atSeconds: 70) == 3)
    }

    @Test("an answer that was not asked for, is repeated, or is too late for its question is ignored")
    func foreignAnswers() {
        let gate = Self.gate()
        var evidence = SourceThresholdEvidence(gate)
        evidence.take(.value(9), ordinal: 2, atSeconds: 0, gate)
        #expect(evidence == SourceThresholdEvidence(gate))
        evidence.take(.value(0.1), ordinal: 1, atSeconds: 0, gate)
        let once = evidence
        evidence.take(.value(9), ordinal: 1, atSeconds: 0, gate)
        evidence.take(.value(9), ordinal: 2, atSeconds: 9, gate)
        evidence.take(.value(9), ordinal: 1, atSeconds: 10, gate)
        #expect(evidence == once)
    }

    @Test("passes while the last value is in bounds")
    func bounds() {
        #expect(Self.run(Self.gate(), []).reason == "prometheus has not been asked yet")
        let passed = Self.run(Self.gate(), [(0, .value(0.25))])
        #expect(passed.verdict == .pass)
        #expect(passed.samples == 1)
        #expect(passed.reason == "prometheus says 0.25, wanted at most 0.25; 0 of 1 measurements failed, 0 allowed")
        let remarked = Self.run(Self.gate(), [(0, .value(0.25, remark: "a store\nis down"))])
        #expect(
            remarked.reason
                == "prometheus says 0.25, wanted at most 0.25 (with the warning: a store | is down); 0 of 1 measurements failed, "
                + "0 allowed")
        let failed = Self.run(Self.gate(), [(0, .value(0.1)), (10, .value(0.2504))])
        #expect(failed.verdict == .fail)
        #expect(failed.reason == "prometheus says 0.2504, wanted at most 0.25; 1 of 2 measurements failed, 0 allowed")
    }

    @Test("a minimum and a condition are bounds too")
    func otherBounds() throws {
        #expect(Self.run(Self.gate(min: 0.1), [(0, .value(0.05))]).verdict == .fail)
        let gate = Self.gate(max: nil, condition: try ThresholdExpression("value * 2 < 1"))
        #expect(Self.run(gate, [(0, .value(0.4))]).verdict == .pass)
        let failed = Self.run(gate, [(0, .value(0.5))])
        #expect(failed.verdict == .fail)
        #expect(failed.reason == "prometheus says 0.5, wanted value * 2 < 1; 1 of 1 measurements failed, 0 allowed")
    }

    @Test(
        "more failed measurements than the limit fail the gate, however far apart; up to the limit, a good one passes again"
    )
    func failureLimit() {
        let gate = Self.gate(failureLimit: 1)
        #expect(Self.run(gate, [(0, .value(9))]).verdict == .insufficient)
        #expect(Self.run(gate, [(0, .value(9)), (10, .value(0))]).verdict == .pass)
        #expect(Self.run(gate, [(0, .value(9)), (10, .value(0)), (20, .value(9))]).verdict == .fail)
    }

    @Test(
        "no data, a value that is not a number and an error are not failures, and none of them keeps an older pass",
        arguments: [
            (Measured.noData("the query has no result"), "prometheus has no data: the query has no result"),
            (.value(.nan), "prometheus has no data: the value is nan, which is not a number"),
            (.value(-.infinity), "prometheus has no data: the value is -inf, which is not a number"),
            (.error("no answer within 10 s"), "prometheus could not be asked: no answer within 10 s"),
        ])
    func nothing(answer: Measured, words: String) {
        let evidence = Self.run(Self.gate(), [(0, .value(0.1)), (10, answer)])
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.samples == 1)
        #expect(evidence.reason.hasPrefix("\(words); 0 of 1 measurements failed, 0 allowed"))
        #expect(Self.run(Self.gate(), [(0, answer), (10, .value(0.1))]).verdict == .pass)
    }

    @Test("errors in a row beyond the limit are reported and counted separately, but give no verdict")
    func errors() {
        let errors = (0..<5).map { (Double($0) * 10, Measured.error("connection refused")) }
        #expect(
            Self.run(Self.gate(), Array(errors.prefix(4))).reason
                == "prometheus could not be asked: connection refused; 0 of 0 measurements failed, 0 allowed; 4 errors")
        let five = Self.run(Self.gate(), errors)
        #expect(five.verdict == .insufficient)
        #expect(
            five.reason
                == "5 errors in a row: prometheus: connection refused; 0 of 0 measurements failed, 0 allowed; 5 errors")
        let again = Self.run(Self.gate(), errors + [(50, .value(0.1)), (60, .error("connection refused"))])
        #expect(again.reason.hasPrefix("prometheus could not be asked: connection refused"))
        let hundred = Self.run(Self.gate(), (0..<100).map { (Double($0) * 10, .error("x")) })
        #expect(hundred.verdict == .insufficient)
    }

    @Test("after a failure nothing more is asked")
    func failedForGood() {
        let failed = Self.run(Self.gate(), [(0, .value(9)), (10, .value(0)), (20, .value(0))])
        #expect(failed.verdict == .fail)
        #expect(failed.questionDue(at: Self.start.addingTimeInterval(1_000)) == nil)
    }

    @Test("it survives a restart, and stays small whatever a source says")
    func coding() throws {
        let words = String(repeating: "\u{1B}[31m\n\u{301}", count: 10_000)
        let evidence = Self.run(Self.gate(failureLimit: 5), [(0, .value(9)), (10, .error(words))])
        let data = try JSONEncoder().encode(evidence)
        #expect(data.count < 2_048)
        #expect(try JSONDecoder().decode(GateEvidence.self, from: data) == evidence)
        let isClean = evidence.reason.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        #expect(isClean)
    }
}
