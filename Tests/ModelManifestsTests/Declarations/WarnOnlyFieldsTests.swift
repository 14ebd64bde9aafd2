import ModelManifests
import Testing

/// `warnOnly`, and the gates that accept it.
@Suite struct WarnOnlyFieldsTests {
    private func deployment(_ spec: String) throws -> ModelDeployment {
        try Manifests.only(Manifests.deployment(spec: spec))
    }

    @Test func `every kind of gate, and a template's gate, accepts warnOnly`() throws {
        let texts = [
            "{name: a, compare: {metric: errors}, warnOnly: true}",
            "{name: a, threshold: {metric: errors, max: 0.1}, warnOnly: true}",
            "{name: a, distribution: {}, warnOnly: true}",
            "{name: a, drift: {}, warnOnly: true}",
            "{name: a, agreement: {min: 0.9}, warnOnly: true}",
            "{name: a, distance: {max: 0.1}, warnOnly: true}",
            "{name: a, check: {command: [evaluate]}, warnOnly: true}",
            "{name: a, contract: {}, warnOnly: true}",
            "{name: a, outcome: {label: correct}, warnOnly: true}",
        ]
        for text in texts {
            let spec = """
                traffic: {observe: {path: y, buckets: [1]}}
                rollout: {steps: [{mirror: 100}, {setWeight: 100}], gates: [\(text)]}
                """
            let problems = Manifests.problems(Manifests.deployment(spec: spec))
            #expect(problems == [], "\(text)")
            guard problems.isEmpty else { continue }
            #expect(try deployment(spec).rollout.gates.map(\.warnOnly) == [true], "\(text)")
        }
        let templated = try Manifests.only(
            Manifests.deployment(
                spec: "rollout: {gates: [{template: strict, warnOnly: true}, {name: b, template: strict}]}"),
            Manifests.gateTemplate("strict", spec: "{compare: {metric: errors}}"))
        #expect(templated.rollout.gates.map(\.warnOnly) == [true, false])
    }

    @Test func `a step does not wait for a gate that only warns`() throws {
        let named = Manifests.problems(
            Manifests.deployment(
                spec: """
                    rollout:
                      steps: [{gate: {name: e}}, {setWeight: 100}]
                      gates: [{name: e, compare: {metric: errors}, warnOnly: true}]
                    """))
        #expect(named.count == 1)
        #expect(named.first?.contains("gate 'e' is warnOnly, so a step cannot wait for it") == true, "\(named)")
        let own = Manifests.problems(
            Manifests.deployment(
                spec: """
                    rollout:
                      steps: [{gate: {name: e, compare: {metric: errors}, warnOnly: true}}, {setWeight: 100}]
                    """))
        #expect(own.count == 1)
        #expect(own.first?.contains("a step waits for its gate") == true, "\(own)")
        let recorded = Manifests.deployment(
            spec: """
                traffic: {generate: {rate: 5, requests: recorded.jsonl}}
                rollout: {strategy: blueGreen, gates: [{name: e, compare: {metric: errors}, warnOnly: true}]}
                """)
        #expect(try Manifests.only(recorded).rollout.steps == [RolloutStep(.setWeight(100))])
    }

    @Test func `it makes no new revision, and a rollout with only such gates gets a warning`() throws {
        func gates(_ flag: String) throws -> ModelDeployment {
            try deployment("rollout: {gates: [{name: e, compare: {metric: errors}\(flag)}]}")
        }
        let warns = try gates(", warnOnly: true")
        #expect(try warns.template.revision == gates("").template.revision)
        #expect(warns.nothingActs?.contains("every gate is warnOnly") == true)
        #expect(try gates("").nothingActs == nil)
        #expect(try deployment("rollout: {gates: []}").nothingActs == nil)
        #expect(
            Manifests.problems(
                Manifests.deployment(spec: "rollout: {gates: [{name: e, compare: {metric: errors}, warnOnly: yes}]}")
            ).count == 1)
    }
}
