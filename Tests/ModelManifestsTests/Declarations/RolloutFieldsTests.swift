import Testing

@testable import ModelManifests

@Suite struct RolloutFieldsTests {
    private func problems(_ rollout: String) -> [String] {
        Manifests.problems(Manifests.deployment(spec: "rollout: \(rollout)")).map { problem in
            problem.split(separator: " ", maxSplits: 1).last.map(String.init) ?? ""
        }
    }

    @Test(arguments: [
        (
            "{steps: [{setWeight: 5}, {setWeight: 50}]}",
            "spec.rollout.steps[1].setWeight: the steps end at 50 %, not at 100 % (add '- setWeight: 100' at the end)"
        ),
        (
            "{steps: [{pause: {}}]}",
            "spec.rollout.steps[0]: the steps end at 0 %, not at 100 % (add '- setWeight: 100' at the end)"
        ),
        (
            "{steps: [{setWeight: 100}, {pause: {duration: 1m}}]}",
            "spec.rollout.steps[1]: comes after setWeight: 100, where the rollout ends "
                + "(use probation: {duration: …} to keep evaluating after the promotion)"
        ),
        (
            "{steps: [{setWeight: 60}, {setWeight: 40}, {setWeight: 100}]}",
            "spec.rollout.steps[1].setWeight: setWeight falls from 60 to 40 "
                + "(weights must rise from step to step; only a rollback lowers them)"
        ),
        (
            "{steps: []}",
            "spec.rollout.steps: is empty, but a rollout must end with setWeight: 100 (write [{setWeight: 100}], or leave "
                + "steps out to use the default steps)"
        ),
        (
            "{steps: [{setWeight: 100}, {setWeight: 5}]}",
            "spec.rollout.steps[1].setWeight: setWeight falls from 100 to 5 "
                + "(weights must rise from step to step; only a rollback lowers them)"
        ),
        ("{unavailableAfter: 30}", "spec.rollout.unavailableAfter: '30' has no unit (did you mean '30s'?)"),
        ("{unavailableAfter: 500ms}", "spec.rollout.unavailableAfter: must be at least 1s, not 500ms"),
        (
            "{unavailabelAfter: 1m}",
            "spec.rollout.unavailabelAfter: unknown field 'unavailabelAfter' (did you mean 'unavailableAfter'?)"
        ),
        ("{steps: [{setWeight: 120}]}", "spec.rollout.steps[0].setWeight: must be from 0 to 100, not 120"),
        (
            "{steps: [{weight: 100}]}",
            "spec.rollout.steps[0].weight: unknown field 'weight' (did you mean 'setWeight'?)"
        ),
        (
            "{steps: [{setWeight: 100, pause: {}}]}",
            "spec.rollout.steps[0]: needs exactly one of 'setWeight', 'mirror', 'pause', 'gate' or 'approval', not 'setWeight' and 'pause'"
        ),
        (
            "{steps: [{advance: evidence}, {setWeight: 100}]}",
            "spec.rollout.steps[0]: needs exactly one of 'setWeight', 'mirror', 'pause', 'gate' or 'approval'"
        ),
        (
            "{steps: [{setWeight: 100, advance: evidenc}]}",
            "spec.rollout.steps[0].advance: unknown advance 'evidenc' (did you mean 'evidence'?)"
        ),
        (
            "{steps: [{pause: 2m}, {setWeight: 100}]}",
            "spec.rollout.steps[0].pause: must be a mapping of fields, such as {duration: …}, not '2m'"
        ),
        (
            "{steps: [{gate: {name: erors}}, {setWeight: 100}]}",
            "spec.rollout.steps[0].gate.name: there is no gate 'erors' (did you mean 'errors'?)"
        ),
        (
            "{gates: [], steps: [{gate: {name: g}}, {setWeight: 100}]}",
            "spec.rollout.steps[0].gate.name: there is no gate 'g' (add it to rollout.gates)"
        ),
        (
            "{gates: [{name: g, compare: {metric: errors}}, {name: g, compare: {metric: slow}}]}",
            "spec.rollout.gates[1]: two gates are named 'g', the first on line 7"
        ),
        (
            "{steps: [{gate: {name: slow, compare: {metric: slow}}}, {setWeight: 100}]}",
            "spec.rollout.steps[0].gate: two gates are named 'slow', the first is a default gate"
        ),
        (
            "{falseRollbackRate: 0}",
            "spec.rollout.falseRollbackRate: must be between 0 and 1, but neither of them, not 0"
        ),
        (
            "{falseRollbackRate: 1.0}",
            "spec.rollout.falseRollbackRate: must be between 0 and 1, but neither of them, not 1"
        ),
        (
            "{missedRegressionRate: 5%}",
            "spec.rollout.missedRegressionRate: must be a number, not '5%' (did you mean 0.05?)"
        ),
        (
            "{probation: {duration: 1h, holdback: 100}}",
            "spec.rollout.probation.holdback: must be from 0 to 99, not 100"
        ),
        ("{probation: {holdback: 5}}", "spec.rollout.probation.duration: is missing (How long.)"),
        (
            "{onInsufficient: roll-back}",
            "spec.rollout.onInsufficient: unknown action 'roll-back' (did you mean 'rollback'?)"
        ),
        ("{onFailure: promote}", "spec.rollout.onFailure: unknown action 'promote' (one of: rollback, pause)"),
        (
            "{strategy: canarry}", "spec.rollout.strategy: unknown strategy 'canarry' (did you mean 'canary'?)"
        ),
    ])
    func `errors in a rollout are reported`(_ rollout: String, _ message: String) {
        #expect(problems(rollout) == [message])
    }

    @Test(arguments: [
        (
            "{name: g}",
            "gates[0]: needs exactly one of 'compare', 'threshold', 'distribution', 'drift', 'agreement', 'distance', "
                + "'check', 'contract', 'outcome' or 'template'"
        ),
        ("{compare: {metric: errors}}", "gates[0].name: is missing (give the gate a name)"),
        (
            "{name: g, compare: {}}",
            "gates[0].compare: needs exactly one of 'metric', 'ratio' or 'mean'"
        ),
        (
            "{name: g, compare: {metric: error}}",
            "gates[0].compare.metric: unknown metric 'error' (did you mean 'errors'?)"
        ),
        (
            "{name: g, compare: {metric: errors, slowerThan: 1s}}",
            "gates[0].compare.slowerThan: can only be used with metric 'slow' (leave it out, or write metric: slow)"
        ),
        (
            "{name: g, compare: {metric: errors, maxRelativeIncrease: -1}}",
            "gates[0].compare.maxRelativeIncrease: must be between 0 and 1000, not -1"
        ),
        (
            "{name: g, compare: {metric: errors, passMargin: {relative: 0, absolute: 0}}}",
            "gates[0].compare.passMargin: a margin of 0 can never be excluded: relative or absolute must be above 0"
        ),
        ("{name: g, threshold: {metric: errors}}", "gates[0].threshold: needs 'min', 'max' or 'condition'"),
        (
            "{name: g, threshold: {metric: latencyP99, min: 2, max: 1}}",
            "gates[0].threshold.min: min is above max, so no value passes"
        ),
        (
            "{name: g, threshold: {metric: errors, max: 5}}",
            "gates[0].threshold.max: must be between 0 and 1: 'errors' is a share of the requests (0.05 is 5 %)"
        ),
        (
            "{name: g, threshold: {query: up, max: 5}}",
            "gates[0].threshold.query: needs another source than proxy (add source: prometheus)"
        ),
        (
            "{name: g, threshold: {metric: p99, max: 5}}",
            "gates[0].threshold.metric: unknown metric 'p99' (one of: errors, rejected, latencyP50, latencyP95, "
                + "latencyP99, requestRate)"
        ),
        (
            "{name: 'a b', compare: {metric: slow}}",
            "gates[0].name: 'a b' is not a valid name: use at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends"
        ),
    ])
    func `errors in a gate are reported`(_ gate: String, _ message: String) {
        #expect(problems("{gates: [\(gate)]}") == ["spec.rollout.\(message)"])
    }

    private func gates(_ rollout: String) throws -> [GateSpec] {
        try Manifests.only(Manifests.deployment(spec: "rollout: \(rollout)")).rollout.gates
    }

    @Test func `the tolerance is relative unless an absolute one alone is given`() throws {
        func tolerance(_ fields: String) throws -> [Double?] {
            guard
                case .compare(let gate)? = try gates("{gates: [{name: g, compare: {metric: slow\(fields)}}]}").first?
                    .kind
            else { return [] }
            return [gate.maxRelativeIncrease, gate.maxAbsoluteIncrease]
        }
        #expect(try tolerance("") == [0.1, nil])
        #expect(try tolerance(", maxAbsoluteIncrease: 0.01") == [nil, 0.01])
        #expect(try tolerance(", maxRelativeIncrease: 0.2, maxAbsoluteIncrease: 0.01") == [0.2, 0.01])
    }

    @Test func `a step's own gate is added to the gates`() throws {
        let rollout = "{steps: [{gate: {name: g, compare: {metric: slow, slowerThan: 200ms}}}, {setWeight: 100}]}"
        #expect(try gates(rollout).map(\.name) == ["errors", "rejected", "slow", "g"])
        let inTheirPlace = "{gates: [{name: a, compare: {metric: errors}}], " + rollout.dropFirst()
        #expect(try gates(inTheirPlace).map(\.name) == ["a", "g"])
        #expect(try gates("{gates: []}").isEmpty)
    }

    @Test func `a step may wait for a default gate`() throws {
        let deployment = try Manifests.only(
            Manifests.deployment(spec: "rollout: {steps: [{gate: {name: slow}}, {setWeight: 100}]}"))
        #expect(deployment.rollout.steps.first?.action == .gate("slow"))
    }

    @Test func `every field of a gate is read`() throws {
        let gates = try gates(
            """

                gates:
                - name: a
                  compare: {metric: slow, slowerThan: 250ms, minSamples: 7, passMargin: {relative: 0.3, absolute: 0.01}}
                - name: b
                  threshold: {source: proxy, metric: requestRate, min: 1, interval: 5s, initialDelay: 30s, window: 2m,
                              failureLimit: 3, consecutiveErrorLimit: 6, minSamples: 50}
            """)
        #expect(
            gates == [
                GateSpec(
                    name: "a",
                    kind: .compare(
                        CompareGate(
                            metric: .slow, minSamples: 7, slowerThan: .milliseconds(250),
                            passMargin: PassMargin(relative: 0.3, absolute: 0.01)))),
                GateSpec(
                    name: "b",
                    kind: .threshold(
                        ThresholdGate(
                            metric: .requestRate, min: 1, interval: .seconds(5), initialDelay: .seconds(30),
                            window: .seconds(120), failureLimit: 3, consecutiveErrorLimit: 6, minSamples: 50))),
            ])
    }
}
