import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct CheckEvidenceTests {
    static let start = Date(timeIntervalSinceReferenceDate: 0)
    static let accuracy = CheckGate(
        command: ["evaluate"], metrics: ["accuracy": .init(min: 0.93), "gap": .init(max: 0.05)])

    static func run(_ outcomes: [(seconds: Double, outcome: CheckOutcome)], _ gate: CheckGate = accuracy)
        -> GateEvidence
    {
        var evidence = GateEvidence(spec: GateSpec(name: "gate", kind: .check(gate)), alpha: 0, startedAt: start)
        for (seconds, outcome) in outcomes {
            let at = start.addingTimeInterval(seconds)
            guard let ordinal = evidence.questionDue(at: at) else { continue }
            evidence.take(.checked(outcome), ordinal: ordinal, at: at)
        }
        return evidence
    }

    static func outcome(_ code: Int, _ metrics: [String: Double] = [:], tail: String = "") -> CheckOutcome {
        CheckOutcome(end: .exited(code), metrics: metrics, outputTail: tail)
    }

    @Test("a check runs once, at the start, and not again after a decision")
    func due() {
        var evidence = CheckEvidence()
        #expect(evidence.questionDue(atSeconds: 0) == 1)
        evidence.take(Self.outcome(0, ["accuracy": 1, "gap": 0]), ordinal: 2, atSeconds: 0, Self.accuracy)
        #expect(evidence == CheckEvidence())
        evidence.take(Self.outcome(0, ["accuracy": 1, "gap": 0]), ordinal: 1, atSeconds: 0, Self.accuracy)
        #expect(evidence.verdict(Self.accuracy) == .pass)
        #expect(evidence.questionDue(atSeconds: 1e9) == nil)
    }

    @Test("exit code 0 passes where every metric is in its bounds")
    func pass() {
        let evidence = Self.run([(0, Self.outcome(0, ["accuracy": 0.93, "gap": 0.05, "other": -1]))])
        #expect(evidence.verdict == .pass)
        #expect(evidence.samples == 1)
        #expect(evidence.reason == "exit code 0; accuracy 0.93, wanted at least 0.93; gap 0.05, wanted at most 0.05")
        let plain = Self.run([(0, Self.outcome(0))], CheckGate(command: ["true"]))
        #expect(plain.verdict == .pass)
        #expect(plain.reason == "exit code 0")
    }

    @Test("a metric out of its bounds fails the check, with its value and bound, even if another one is missing")
    func outOfBounds() {
        let evidence = Self.run([(0, Self.outcome(0, ["accuracy": 0.9299]))])
        #expect(evidence.verdict == .fail)
        #expect(evidence.reason == "accuracy 0.9299, wanted at least 0.93")
    }

    @Test(
        "any other exit code fails the check, whatever its metrics, with the end of its output and the output's place")
    func exitCode() {
        var outcome = Self.outcome(
            3, ["accuracy": 1, "gap": 0], tail: "Traceback\n\u{1B}[31mValueError: no labels\u{1B}[0m\n")
        outcome.outputFile = "/state/checks/a.log"
        let evidence = Self.run([(0, outcome)])
        #expect(evidence.verdict == .fail)
        #expect(
            evidence.reason
                == "exit code 3: Traceback |  [31mValueError: no labels [0m; its output is in /state/checks/a.log")
    }

    @Test("exit code 0 without a required metric never passes", arguments: [nil, Double.nan, .infinity])
    func missing(accuracy: Double?) {
        var metrics = ["gap": 0.0]
        metrics["accuracy"] = accuracy
        let evidence = Self.run([(0, Self.outcome(0, metrics, tail: "done"))])
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.samples == 0)
        #expect(
            evidence.reason
                == "exit code 0, but it prints no metric 'accuracy': the last line must be a JSON object of numbers: done; "
                + "attempt 2 of 6 follows in 10 s")
    }

    @Test("a run that decides nothing is repeated after 10, 30, 90, 270 and 810 seconds, and then given up")
    func retries() {
        var evidence = CheckEvidence()
        let late = CheckOutcome(end: .undecided("it did not end within 1m0s"))
        var now = 0.0
        for (attempt, delay) in zip(1..., [10.0, 30, 90, 270, 810]) {
            evidence.take(late, ordinal: attempt, atSeconds: now, Self.accuracy)
            #expect(evidence.questionDue(atSeconds: now + delay - 0.1) == nil)
            now += delay
            #expect(evidence.questionDue(atSeconds: now) == attempt + 1)
        }
        #expect(evidence.verdict(Self.accuracy) == .insufficient)
        #expect(
            evidence.reason(Self.accuracy)
                == "it did not end within 1m0s; attempt 6 of 6 follows in 810 s")
        evidence.take(late, ordinal: 6, atSeconds: now, Self.accuracy)
        #expect(evidence.questionDue(atSeconds: 1e12) == nil)
        #expect(evidence.verdict(Self.accuracy) == .insufficient)
        #expect(
            evidence.reason(Self.accuracy)
                == "it did not end within 1m0s; given up after 6 attempts; `mlctl retry` starts over")
    }

    @Test("a later attempt decides as the first one would have")
    func decidedLater() {
        let late = CheckOutcome(end: .undecided("late"))
        #expect(Self.run([(0, late), (10, Self.outcome(0, ["accuracy": 1, "gap": 0]))]).verdict == .pass)
        #expect(Self.run([(0, late), (10, late), (40, Self.outcome(1))]).verdict == .fail)
    }

    @Test("it survives a restart, and stays small whatever the command prints")
    func coding() throws {
        let gate = CheckGate(
            command: ["x"], metrics: Dictionary(uniqueKeysWithValues: (0..<8).map { ("metric-\($0)", .init(min: 1)) }))
        var outcome = Self.outcome(
            1, tail: String(repeating: "\u{1B}\u{0}\n", count: 1_000) + String(repeating: "é", count: 1_000))
        outcome.outputFile = "/" + String(repeating: "f", count: 500)
        let evidence = Self.run([(0, outcome)], gate)
        let data = try JSONEncoder().encode(evidence)
        let spec = try JSONEncoder().encode(evidence.spec)
        // The spec is included twice, and its size depends on its author.
        #expect(data.count - 2 * spec.count < 2_048)
        #expect(try JSONDecoder().decode(GateEvidence.self, from: data) == evidence)
    }

    @Test("five of many metrics are shown, with the number of the others")
    func manyMetrics() {
        let names = (0..<7).map { "m\($0)" }
        let gate = CheckGate(
            command: ["x"], metrics: Dictionary(uniqueKeysWithValues: names.map { ($0, .init(max: 1)) }))
        let metrics = Dictionary(uniqueKeysWithValues: names.map { ($0, 2.0) })
        let reason = Self.run([(0, Self.outcome(0, metrics))], gate).reason
        #expect(reason.hasPrefix("m0 2, wanted at most 1; m1 2, "))
        #expect(reason.hasSuffix("m4 2, wanted at most 1; and 2 more"))
    }
}
