import ModelManifests
import Testing

/// A manifest whose gates do not look at predictions gets advice on which gate to add.
@Suite struct EvidenceAdviceTests {
    private static let inference = "{command: [server], probes: {readiness: {httpGet: {path: /v2/health/ready}}}}"

    private func deployment(_ spec: String = "", runtime: String = "{command: [server]}") throws -> ModelDeployment {
        try Manifests.only(Manifests.deployment(spec: spec, runtime: runtime))
    }

    private func advice(_ spec: String = "", runtime: String = "{command: [server]}") throws -> String? {
        try deployment(spec, runtime: runtime).unseenPredictions
    }

    @Test func `errors, speed, thresholds and contracts look at no predictions`() throws {
        #expect(try advice()?.hasPrefix("no gate looks at predictions: add the steps ") == true)
        let gates = "rollout: {gates: [{name: c, contract: {}}, {name: t, threshold: {metric: errors, max: 0.1}}]}"
        #expect(try advice(gates) != nil)
        let counters = "rollout: {gates: [{name: r, compare: {ratio: {of: failures_total, per: answers_total}}}]}"
        #expect(try advice(counters) != nil)
        // Observed requests say nothing about predictions.
        let requests = """
            traffic: {observe: {of: request, path: x, buckets: [1]}}
            rollout: {gates: [{name: d, drift: {}}]}
            """
        #expect(try advice(requests) != nil)
        #expect(try advice("suspend: true") == nil)
    }

    @Test(arguments: [
        "traffic: {observe: {path: y, buckets: [1]}}\nrollout: {gates: [{name: d, distribution: {}}]}",
        "traffic: {observe: {path: y, buckets: [1]}}\nrollout: {gates: [{name: d, drift: {}, warnOnly: true}]}",
        "rollout: {steps: [{mirror: 100}, {setWeight: 100}], gates: [{name: a, agreement: {min: 0.9}}]}",
        "rollout: {gates: [{name: c, check: {command: [evaluate]}}]}",
        "rollout: {gates: [{name: o, outcome: {label: correct}}]}",
    ])
    func `gates that compare predictions or get outcomes look at predictions`(_ spec: String) throws {
        #expect(try advice(spec) == nil)
    }

    @Test func `no gates at all are said where there would be some by default`() throws {
        let none = "rollout: {gates: [], steps: [{setWeight: 50}, {setWeight: 100}]}"
        #expect(
            try deployment(none).nothingIsJudged?.hasPrefix(
                "there are no gates: a version passes all steps if its instances are available")
                == true)
        #expect(try deployment("rollout: {gates: []}", runtime: Self.inference).nothingIsJudged != nil)
        #expect(try deployment().nothingIsJudged == nil)
        #expect(try deployment("rollout: {gates: [{name: c, check: {command: [a]}}]}").nothingIsJudged == nil)
        // Without traffic on both sides there are none by default either.
        #expect(try deployment("rollout: {strategy: recreate, gates: []}").nothingIsJudged == nil)
        #expect(try deployment("rollout: {strategy: blueGreen}").nothingIsJudged == nil)
    }

    @Test func `of a runtime whose answers are not known, the place of the prediction is asked for`() throws {
        #expect(try advice()?.contains("'shadow: {path: PLACE}', the place of the prediction in its answers") == true)
        #expect(try advice(runtime: Self.inference)?.contains("PLACE") == false)
    }

    @Test func `the gate to add works with the runtime`() throws {
        #expect(try advice(runtime: Self.inference)?.contains(#"shadow: {path: "outputs"}"#) == true)
        #expect(try advice(runtime: "{name: mlctl}")?.contains("outputs[1].data") == true)
        #expect(try advice(runtime: "{name: mlserver}")?.contains("'- mirror: 100'") == true)
        #expect(try advice(runtime: "{name: vllm}")?.contains("check: {command: [./evaluate]}") == true)
        #expect(try advice("rollout: {strategy: recreate}")?.contains("check: {command: [./evaluate]}") == true)
        // The advice is followed.
        let followed = """
            rollout:
              steps:
              - mirror: 100
              - gate: {name: answers, agreement: {min: 0.95}}
              - setWeight: 100
              shadow: {path: outputs}
            """
        #expect(try advice(followed, runtime: "{name: mlserver}") == nil)
        let checked = "rollout: {steps: [{gate: {name: evaluation, check: {command: [./evaluate]}}}, {setWeight: 100}]}"
        #expect(try advice(checked, runtime: "{name: vllm}") == nil)
    }

    @Test func `predictions of an Open Inference Protocol server are observed by default, only to warn`() throws {
        for runtime in [Self.inference, "{name: mlserver}", "{name: mlctl}"] {
            let watched = try deployment(runtime: runtime)
            #expect(watched.endpoint.observe.map(\.path.text) == ["outputs[0].data[0]"])
            #expect(watched.endpoint.observe.first?.mostPerSecond == 50)
            let gate = try #require(watched.rollout.gates.last)
            #expect(gate.name == "predictions" && gate.warnOnly && gate.isDefaultWatch)
            #expect(
                watched.unseenPredictions?.hasPrefix("no gate acts on predictions (a large shift is only reported)")
                    == true)
            #expect(watched.nothingActs == nil)
        }
        for runtime in ["{command: [server]}", "{name: bentoml}", "{name: vllm}"] {
            #expect(try deployment(runtime: runtime).rollout.gates == RolloutSpec.defaultGates)
        }
    }

    @Test(arguments: [
        "traffic: {observe: []}", "traffic: {observe: {path: y, buckets: [1]}}", "rollout: {strategy: blueGreen}",
        "rollout: {strategy: recreate}", "rollout: {gates: [{name: predictions, compare: {metric: errors}}]}",
    ])
    func `a manifest can turn the default off, or leave it nothing to compare`(_ spec: String) throws {
        let deployment = try deployment(spec, runtime: "{name: mlserver}")
        #expect(!deployment.rollout.gates.contains { $0.isDefaultWatch })
        #expect(!deployment.endpoint.observe.contains { $0.mostPerSecond != nil })
    }

    @Test func `values without known buckets get automatic buckets`() throws {
        let deployment = try deployment(
            """
            traffic: {observe: {path: 'outputs[0].data[0]'}}
            rollout: {gates: [{name: alike, distribution: {}}]}
            """)
        #expect(deployment.endpoint.observe.map(\.buckets) == [.automatic])
        guard case .distribution(let gate)? = deployment.rollout.gates.first?.kind else {
            Issue.record("no distribution gate")
            return
        }
        #expect(gate.buckets == .automatic)
    }
}
