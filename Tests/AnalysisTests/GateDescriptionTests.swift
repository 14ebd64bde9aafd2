import Analysis
import ModelManifests
import Testing

@Suite("The description of a gate")
struct GateWordsTests {
    private func words(_ kind: GateSpec.Kind) -> GateDescription {
        GateSpec(name: "g", kind: kind).words(alpha: 0.0025, missedRegressionRate: 0.05)
    }

    @Test("a comparison says what it asks, and at which odds it decides")
    func compare() {
        let errors = words(.compare(CompareGate(metric: .errors, maxAbsoluteIncrease: 0.005, minSamples: 2000)))
        #expect(
            errors.asks
                == "does the candidate fail requests more often than stable, by more than 10 % or 0.5 percentage points?"
        )
        #expect(
            errors.passes
                == "odds of 20 to 1 against a regression beyond 50 % or 0.5 percentage points, on 2,000 samples or more"
        )
        #expect(errors.fails == "odds of 400 to 1 against being within 10 % or 0.5 percentage points")
        #expect(errors.assumes?.hasPrefix("failures of an instance within 5 ms") == true)
        #expect(words(.compare(CompareGate(metric: .rejected))).assumes?.hasSuffix("does not report events") == true)
        let slow = words(.compare(CompareGate(metric: .slow, slowerThan: .milliseconds(250))))
        #expect(slow.asks.contains("take longer than 0.25 s more often"))
        let outcome = words(.compare(CompareGate(.counters(CounterRatio(outcome: "correct")))))
        #expect(
            outcome.asks
                == "is the candidate worse than stable in 'correct', as reported later (higher is better), by more than 10 %?"
        )
        let ratio = CounterRatio(source: "prometheus", of: "timeouts", per: "requests")
        #expect(words(.compare(CompareGate(.counters(ratio)))).asks.contains("timeouts of requests (prometheus)"))
    }

    @Test("a gate whose share is not known yet says what determines it")
    func withoutShare() {
        let spec = GateSpec(name: "g", kind: .compare(CompareGate(metric: .rejected)))
        #expect(
            spec.words(alpha: nil, missedRegressionRate: 0.05).fails.hasPrefix(
                "odds (set by its share of falseRollbackRate) against being within"))
    }

    @Test("a threshold says that it promises nothing about false alarms")
    func threshold() {
        let found = words(.threshold(ThresholdGate(metric: .latencyP99, max: 0.25, failureLimit: 2)))
        #expect(found.asks == "is the p99 latency of the last 1m at most 0.25 s, every 10s?")
        #expect(found.fails == "more than 2 measurements are not; a threshold promises nothing about false alarms")
        let query = words(.threshold(ThresholdGate(.query(MetricQuery(source: "prometheus", text: "up")), min: 1)))
        #expect(query.asks == "is prometheus's 'up' at least 1, every 10s?")
        let range = MetricRange(over: .seconds(300), reduce: .max)
        let worst = words(
            .threshold(ThresholdGate(.query(MetricQuery(source: "prometheus", text: "up", range: range)), max: 1)))
        #expect(worst.asks == "is the largest value of prometheus's 'up' over 5m at most 1, every 10s?")
        #expect(query.fails.hasPrefix("one measurement is not"))
    }

    @Test("every kind of gate asks a question, and says how it passes and fails")
    func allKinds() {
        let kinds: [GateSpec.Kind] = [
            .compare(CompareGate(metric: .latencyP95)), .threshold(ThresholdGate(metric: .errors, max: 0.01)),
            .distribution(DistributionGate(observe: "score")), .drift(DriftGate(observe: "score")),
            .agreement(AgreementGate(metric: .agreement(min: 0.99))),
            .agreement(AgreementGate(metric: .distance(max: 0.1))),
            .check(CheckGate(command: ["python3", "evaluate.py"], metrics: ["accuracy": .init(min: 0.9)])),
            .contract(ContractGate()), .goal(GoalGate(quantity: CounterRatio(outcome: "converted"))),
        ]
        for found in kinds.map(words) {
            #expect(found.asks.hasSuffix("?") && !found.passes.isEmpty && !found.fails.isEmpty)
        }
        #expect(
            words(kinds[6]).asks
                == "does 'python3 evaluate.py' end within 10m with exit code 0, accuracy at least 0.9?")
    }
}
