import JSON
import ModelManifests
import Testing

/// Strategies, the gates that they support, and the fields that they refuse.
@Suite struct StrategyFieldsTests {
    private func rollout(_ spec: String) throws -> RolloutSpec { try deployment(spec).rollout }

    private func deployment(_ spec: String) throws -> ModelDeployment {
        try Manifests.only(Manifests.deployment(spec: spec))
    }

    @Test func `blue-green switches at once, has a preview, and keeps the old revision warm`() throws {
        let rollout = try rollout("rollout: {strategy: blueGreen, preview: {port: 9001}, keepFor: 30m}")
        #expect(rollout.steps == [RolloutStep(.setWeight(100))])
        #expect(rollout.preview == Preview(port: 9001))
        #expect(rollout.probation == Probation(duration: .seconds(1800)))
        #expect(rollout.gates == [])
        #expect(try self.rollout("rollout: {strategy: blueGreen}").preview == Preview())
    }

    @Test func `before a blue-green switch, gates on recorded requests must pass`() throws {
        let rollout = try rollout(
            """
            traffic: {generate: {rate: 5, requests: recorded.jsonl}}
            rollout:
                strategy: blueGreen
                gates: [{name: e, compare: {metric: errors}}, {name: t, threshold: {metric: errors, max: 0.1}}]
            """)
        #expect(rollout.steps == [RolloutStep(.gate("e")), RolloutStep(.setWeight(100))])
        let byDefault = try self.rollout(
            "traffic: {generate: {rate: 5, requests: recorded.jsonl}}\nrollout: {strategy: blueGreen}")
        #expect(byDefault.steps.map(\.action) == ["errors", "rejected", "slow"].map { .gate($0) } + [.setWeight(100)])
    }

    @Test func `recorded requests go to the deployment's model name, unless they name a path`() throws {
        func path(_ more: String) throws -> String? {
            try deployment("traffic: {generate: {rate: 5, requests: recorded.jsonl\(more)}}").endpoint.generate?.path
        }
        #expect(try path("") == "/v2/models/scorer/infer")
        #expect(try path(", path: /score") == "/score")
        #expect(try deployment("replicas: 1").endpoint.generate == nil)
    }

    @Test func `a single observation needs neither a list nor a name`() throws {
        let deployment = try deployment(
            """
            traffic: {observe: {path: 'outputs[0].data[0]', buckets: [0.1, 0.5]}}
            rollout: {gates: [{name: alike, distribution: {}}, {name: drifted, drift: {max: 0.3}}]}
            """)
        #expect(
            deployment.endpoint.observe == [
                PredictionObservation(
                    name: "prediction", path: JSONPath("outputs[0].data[0]")!, buckets: .edges([0.1, 0.5]))
            ])
        #expect(deployment.rollout.gates.map(\.observation) == ["prediction", "prediction"])
        let other = Manifests.problems(
            Manifests.deployment(
                spec: """
                    traffic: {observe: {name: score, path: x, buckets: [1]}}
                    rollout: {gates: [{name: alike, distribution: {}}]}
                    """))
        #expect(other.first?.hasSuffix("observation 'prediction' does not exist (the observations are: score)") == true)
    }

    @Test func `a wider tolerance of a distribution widens the pass margin, unless that is set`() throws {
        func shifts(_ fields: String) throws -> [Double] {
            let rollout = try rollout(
                "traffic: {observe: {path: x, buckets: [1]}}\nrollout: {gates: [{name: d, distribution: {\(fields)}}]}"
            )
            guard case .distribution(let gate)? = rollout.gates.first?.kind else { return [] }
            return [gate.maxShift, gate.passShift]
        }
        #expect(try shifts("") == [0.05, 0.10])
        #expect(try shifts("maxShift: 0.2") == [0.2, 0.4])
        #expect(try shifts("maxShift: 0.01") == [0.01, 0.10])
        #expect(try shifts("maxShift: 0.1, passShift: 0.15") == [0.1, 0.15])
    }

    @Test func `an A-B test has sticky users, a goal, guardrails and a horizon`() throws {
        let deployment = try deployment(
            """
            traffic: {sticky: {header: x-user-id}}
            rollout:
              strategy: ab
              ab: {share: 30, goal: {outcome: {label: converted}, error: 0.01}, horizon: 48h, onInconclusive: rollback}
            """)
        let rollout = deployment.rollout
        #expect(deployment.endpoint.keepsUsers)
        #expect(
            rollout.steps == [
                RolloutStep(.setWeight(30)), RolloutStep(.gate("goal")), RolloutStep(.setWeight(100)),
            ])
        #expect(rollout.gates.map(\.name) == ["errors", "rejected", "slow", "goal"])
        #expect(
            rollout.gates.last?.kind
                == .goal(GoalGate(quantity: CounterRatio(outcome: "converted"), error: 0.01)))
        #expect(rollout.progressDeadline == .seconds(48 * 3600))
        #expect(rollout.onInsufficient == .rollback)
    }

    @Test func `a shadow gets copies until all gates pass`() throws {
        let rollout = try rollout(
            """
            rollout:
                strategy: shadow
                shadow: {path: 'outputs[0].data', tolerance: 0.001, range: 2}
                gates: [{name: same, agreement: {min: 0.98}}, {name: near, distance: {max: 0.02}}]
            """)
        #expect(
            rollout.steps == [RolloutStep(.mirror(100), advance: .evidence), RolloutStep(.setWeight(100))])
        #expect(rollout.shadow == ShadowComparison(path: JSONPath("outputs[0].data")!, tolerance: 0.001, range: 2))
        #expect(
            rollout.gates.map(\.kind) == [
                .agreement(AgreementGate(metric: .agreement(min: 0.98))),
                .agreement(AgreementGate(metric: .distance(max: 0.02))),
            ])
    }

    @Test func `gates on predictions name an observation, and a profile of the namespace`() throws {
        let manifest = Manifests.deployment(
            spec: """
                traffic: {observe: [{name: score, path: 'outputs[0].data[0]', buckets: [0.1, 0.5], sample: 0.5}]}
                rollout:
                  gates:
                  - {name: alike, distribution: {observe: score}}
                  - {name: drifted, drift: {observe: score, distance: jensenShannon, profile: training}}
                """)
        let profile = """
            apiVersion: mlctl.dev/v1alpha1
            kind: PredictionProfile
            metadata: {name: training}
            spec: {buckets: [0.1, 0.5], counts: [10, 20, 30]}
            """
        let deployment = try Manifests.only(manifest, profile)
        #expect(
            deployment.endpoint.observe == [
                PredictionObservation(
                    name: "score", path: JSONPath("outputs[0].data[0]")!, buckets: .edges([0.1, 0.5]), sample: 0.5)
            ])
        #expect(
            deployment.rollout.gates.map(\.kind) == [
                .distribution(DistributionGate(observe: "score", buckets: .edges([0.1, 0.5]))),
                .drift(
                    DriftGate(
                        observe: "score", distance: .jensenShannon, max: 0.1,
                        reference: .profile(PredictionProfile(buckets: .edges([0.1, 0.5]), counts: [10, 20, 30])))),
            ])
        #expect(
            Manifests.problems(manifest) == [
                "11:7: spec.rollout.gates[1].drift.profile: PredictionProfile 'training' does not exist in namespace 'default' "
                    + "(create one with 'mlctl profile')"
            ])
    }

    @Test func `checks, contracts, outcomes, ratios and queries are read`() throws {
        let gates = try rollout(
            """
            rollout:
                steps: [{gate: {name: slices, check: {command: [python3, slices.py]}}}, {setWeight: 100}]
                gates:
                - {name: golden, check: {command: [python3, golden.py], timeout: 5m, metrics: {accuracy: {min: 0.9}}}}
                - {name: contract, contract: {}}
                - {name: right, outcome: {label: correct, minSamples: 100}}
                - {name: cut, compare: {ratio: {of: truncated_total, per: answers_total}}}
                - {name: tokens, compare: {mean: {of: tokens_sum, per: tokens_count, max: 4096, better: higher}}}
                - {name: p99, compare: {metric: latencyP99, source: server, maxRelativeIncrease: 0.2}}
                - {name: lag, threshold: {source: prometheus, query: 'lag{r="{{revision}}"}', condition: value < 5}}
            """
        ).gates
        #expect(
            gates.map(\.kind) == [
                .check(
                    CheckGate(
                        command: ["python3", "golden.py"], timeout: .seconds(300),
                        metrics: ["accuracy": CheckGate.Bounds(min: 0.9)])),
                .contract(ContractGate()),
                .compare(CompareGate(.counters(CounterRatio(outcome: "correct")), minSamples: 100)),
                .compare(
                    CompareGate(
                        .counters(CounterRatio(source: "server", of: "truncated_total", per: "answers_total")))),
                .compare(
                    CompareGate(
                        .counters(
                            CounterRatio(
                                source: "server", of: "tokens_sum", per: "tokens_count", maximum: 4096, better: .higher)
                        ))
                ),
                .compare(CompareGate(.requests(.latencyP99, source: "server"), maxRelativeIncrease: 0.2)),
                .threshold(
                    ThresholdGate(
                        .query(MetricQuery(source: "prometheus", text: "lag{r=\"{{revision}}\"}")),
                        condition: try ThresholdExpression("value < 5"))),
                .check(CheckGate(command: ["python3", "slices.py"], isOfStep: true)),
            ])
    }

    @Test(arguments: [
        (
            "rollout: {strategy: ab}",
            "spec.rollout.ab: is missing (add ab: {goal: {outcome: {label: …}}}, or use strategy: canary)"
        ),
        (
            "rollout: {keepFor: 1h}",
            "spec.rollout.keepFor: can only be used with strategy: blueGreen (leave it out, or write strategy: blueGreen)"
        ),
        (
            "rollout: {strategy: recreate, steps: [{setWeight: 5}, {setWeight: 100}]}",
            "spec.rollout.steps[0].setWeight: strategy: recreate switches all traffic at once (remove the step, or use strategy: canary)"
        ),
        (
            "rollout: {strategy: blueGreen, gates: [{name: e, compare: {metric: errors}}]}",
            "spec.rollout.gates[0]: compares both revisions at the same time, but with strategy: blueGreen only one has traffic "
                + "(add traffic.generate, a step '- mirror: 100', or use strategy: canary)"
        ),
        (
            "traffic: {generate: {rate: 5, requests: r.jsonl}, observe: [{name: score, path: y, buckets: [0.5]}]}\n"
                + "rollout: {strategy: blueGreen, gates: [{name: d, distribution: {observe: score}}]}",
            "spec.rollout.gates[0]: compares both revisions at the same time, but with strategy: blueGreen only one has traffic "
                + "(add a step '- mirror: 100', or use strategy: canary)"
        ),
        (
            "rollout: {gates: [{name: d, distribution: {observe: score}}]}",
            "spec.rollout.gates[0]: observation 'score' does not exist (add it to traffic.observe)"
        ),
        (
            "rollout: {gates: [{name: s, agreement: {min: 0.9}}]}",
            "spec.rollout.gates[0]: compares the answers of a shadow, but this rollout has none (use strategy: shadow, or add a step '- mirror: 100')"
        ),
        (
            "rollout: {gates: [{name: r, threshold: {metric: errors, max: 0.1, range: {over: 5m, reduce: max}}}]}",
            "spec.rollout.gates[0].threshold.range: can only be used with a query (with a metric of the proxy, write window: 5m)"
        ),
        (
            "rollout: {gates: [{name: r, threshold: {source: server, query: q, max: 1, range: {over: 5m, reduce: max}}}]}",
            "spec.rollout.gates[0].threshold.range: needs a source that keeps time series; 'server' has only current values "
                + "(leave range out, or use a Prometheus source)"
        ),
        (
            "rollout: {gates: [{name: r, threshold: {source: p, query: q, max: 1, range: {over: 24h, reduce: max}}}]}",
            "spec.rollout.gates[0].threshold.range.step: gives 5761 points in 24h; at most 1000 are allowed "
                + "(use a longer step)"
        ),
        (
            "rollout: {gates: [{name: r, threshold: {source: p, query: q, max: 1, "
                + "range: {over: 1m, reduce: last, minPoints: 6}}}]}",
            "spec.rollout.gates[0].threshold.range.minPoints: is more than the 5 points of this range (write at most 5)"
        ),
        (
            "rollout: {gates: [{name: r, threshold: {source: p, query: q, max: 1, range: {over: 1m}}}]}",
            "spec.rollout.gates[0].threshold.range.reduce: is missing (How the points become one value: max, min, mean or last.)"
        ),
        (
            "rollout: {strategy: shadow, steps: [{setWeight: 100}], gates: [{name: s, agreement: {min: 0.9}}]}",
            "spec.rollout.gates[0]: compares the answers of a shadow, but this rollout has none "
                + "(add a step '- mirror: 100' before the others, or leave steps out)"
        ),
        (
            "rollout: {gates: [{name: q, threshold: {provider: prom, query: x, max: 1}}]}",
            "spec.rollout.gates[0].threshold.provider: unknown field 'provider' (did you mean 'source'?)"
        ),
        (
            "rollout: {gates: [{name: q, threshold: {source: prom, query: 'x{{revison}}', max: 1}}]}",
            "spec.rollout.gates[0].threshold.query: contains the unknown placeholder {{revison}} (did you mean 'revision'?)"
        ),
    ])
    func `fields without a meaning for a strategy are reported`(_ spec: String, _ message: String) {
        let problems = Manifests.problems(Manifests.deployment(spec: spec))
        #expect(problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == message)
    }

    @Test func `deployments that wait for each other are all refused`() {
        let state = Manifests.resolve(
            Manifests.deployment("a", spec: "dependsOn: [{name: b}]"),
            Manifests.deployment("b", spec: "dependsOn: [{name: a}]"),
            Manifests.deployment("c", spec: "dependsOn: [{name: a}]"))
        #expect(state.deployments.keys.map(\.name) == ["c"])
        #expect(
            state.diagnostics.map(\.message) == [
                "depends on itself: default/a → default/b → default/a",
                "depends on itself: default/b → default/a → default/b",
            ])
    }
}
