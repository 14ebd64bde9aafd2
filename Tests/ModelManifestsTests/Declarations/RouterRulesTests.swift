import Testing

@testable import ModelManifests

@Suite struct RouterRulesTests {
    private static let ratio = "{kind: kubernetes, router: replicaRatio}"
    private static let gateway = "{kind: kubernetes, router: gatewayAPI, gateways: [{name: public}]}"
    private static let query = #"requests{revision="{{revision}}"}"#

    private func problems(_ target: String, _ spec: String) -> [String] {
        Manifests.problems(Manifests.inCluster(target, spec: spec))
    }

    private func gate(_ kind: String) -> String {
        "rollout:\n  gates:\n  - name: g\n    \(kind)"
    }

    @Test func `the proxy router accepts everything that one machine accepts`() throws {
        let spec = """
            traffic: {sticky: {header: x}, observe: [{name: o, path: a, buckets: [0, 1]}]}
            rollout: {strategy: ab, ab: {goal: {outcome: {label: l}}}}
            """
        #expect(problems("{kind: kubernetes}", spec) == [])
        #expect(problems("{kind: kubernetes}", "rollout: {strategy: shadow}") == [])
        let generate = "traffic: {generate: {rate: 1, requests: a, path: /predict}}"
        #expect(problems("{kind: kubernetes}", generate) == [])
    }

    @Test(arguments: [ratio, gateway])
    func `other routers need gates on raw Prometheus counters`(_ target: String) throws {
        let spec = gate("compare: {ratio: {source: prometheus, of: '\(Self.query)', per: '\(Self.query)'}}")
        let deployment = try Manifests.only(Manifests.inCluster(target, spec: spec))
        #expect(deployment.rollout.gates.map(\.counters) == ["prometheus"])
    }

    @Test func `default gates need the proxy, and the error lists them`() {
        let how =
            "write ratio: {source: prometheus, of: QUERY, per: QUERY}, each a raw cumulative counter with "
            + "revision=\"{{revision}}\", or use router: proxy"
        let words =
            "spec.rollout.gates: the default gates ('errors', 'rejected', 'slow') compare the proxy's "
            + "counters, but with router: replicaRatio readings come from Prometheus (in your own gate \(how))"
        #expect(problems(Self.ratio, "replicas: 2") == ["5:3: " + words])
        #expect(problems(Self.ratio, "rollout: {strategy: canary}") == ["8:12: " + words])
        #expect(problems(Self.ratio, "rollout: {strategy: recreate}") == [])
        #expect(problems(Self.ratio, "rollout: {gates: []}") == [])
    }

    @Test(arguments: [
        ("compare: {metric: errors}", "compares the proxy's counters, but with router: replicaRatio readings come"),
        (
            "compare: {metric: slow, source: server}",
            "compares the servers' own metrics, but with router: replicaRatio readings"
        ),
        (
            "compare: {ratio: {of: a, per: b}}",
            "compares the servers' own metrics, but with router: replicaRatio readings"
        ),
        (
            "outcome: {label: l}",
            "compares outcomes of answers that passed through the proxy, but with router: replicaRatio readings"
        ),
        (
            "compare: {ratio: {source: p, of: a, per: '\(query)'}}",
            "uses the query 'a', which gives the same result for both revisions"
        ),
        (
            "threshold: {metric: errors, max: 1}",
            "measures the proxy's counters, but with router: replicaRatio there is no"
        ),
        (
            "drift: {observe: o, max: 0.1}",
            "reads the answers, but with router: replicaRatio there is no proxy that sees"
        ),
    ])
    func `a gate on data that only the proxy has is refused by its name`(_ kind: String, _ words: String) throws {
        let refusal = problems(Self.ratio, gate(kind)).first { $0.contains("gate 'g' \(words)") }
        #expect(refusal?.hasPrefix("10:7: spec.rollout.gates[0]: ") == true, "\(problems(Self.ratio, gate(kind)))")
    }

    @Test func `a template's gate is checked too, and the error has the place of its use`() {
        let template = Manifests.gateTemplate("shared", spec: "{compare: {metric: errors}}")
        let state = Manifests.resolve(
            Manifests.inCluster(Self.ratio, spec: "rollout:\n  gates:\n  - {template: shared}"), template)
        #expect(state.deployments.isEmpty)
        #expect(state.diagnostics.map(\.path) == ["spec.rollout.gates[0]"])
        #expect(state.diagnostics.first?.line == 10)
        #expect(state.diagnostics.first?.message.hasPrefix("gate 'shared' compares the proxy's counters") == true)
        let proxied = Manifests.resolve(
            Manifests.inCluster(spec: "rollout:\n  gates:\n  - {template: shared}"), template)
        #expect(proxied.diagnostics == [])
    }

    @Test(arguments: [
        (
            "sticky: {header: a}",
            "sticky: router: gatewayAPI does not keep users on their revision (leave it out, or use router: proxy)"
        ),
        (
            "generate: {rate: 1, requests: a}",
            "generate: router: gatewayAPI cannot send recorded requests (leave it out, or use router: proxy)"
        ),
        (
            "observe: [{name: o, path: a, buckets: [0, 1]}]",
            "observe: router: gatewayAPI does not read answers (leave it out, or use router: proxy)"
        ),
        (
            "match: {cookie: a, value: b}",
            "match: an HTTPRoute can match headers, but not single cookies (match a header, or use router: proxy)"
        ),
    ])
    func `traffic fields that need the proxy are refused with advice`(_ traffic: String, _ message: String) {
        let found = problems(Self.gateway, "traffic: {\(traffic)}\nrollout: {gates: []}")
        #expect(found == ["8:13: spec.traffic." + message])
    }

    @Test func `slices of the traffic need the proxy`() {
        let slices = "rollout: {gates: [], slices: [{name: a, header: x-a, top: 3}]}"
        #expect(
            problems(Self.gateway, slices) == [
                "8:24: spec.rollout.slices: router: gatewayAPI cannot tell slices of the traffic apart (leave them "
                    + "out, or use router: proxy)"
            ])
    }

    @Test func `an HTTPRoute can match headers and mirror requests, replica ratios cannot`() {
        let match = "traffic: {match: {header: a, value: b}}\nrollout: {gates: []}"
        #expect(problems(Self.gateway, match) == [])
        #expect(
            problems(Self.ratio, match) == [
                "8:13: spec.traffic.match: router: replicaRatio cannot tell requests apart (leave it out, or use router: "
                    + "gatewayAPI or router: proxy)"
            ])
        let mirror = "rollout: {steps: [{mirror: 10}, {setWeight: 100}], gates: []}"
        #expect(problems(Self.gateway, mirror) == [])
        #expect(
            problems(Self.ratio, mirror) == [
                "8:21: spec.rollout.steps[0].mirror: router: replicaRatio cannot copy requests (remove the step, or use "
                    + "router: gatewayAPI or router: proxy)"
            ])
        #expect(problems(Self.gateway, "rollout: {strategy: shadow, gates: []}") == [])
        #expect(
            problems(Self.ratio, "rollout: {strategy: shadow, gates: []}") == [
                "8:23: spec.rollout.strategy: router: replicaRatio cannot copy requests (use router: gatewayAPI or router: "
                    + "proxy, or strategy: canary)"
            ])
    }

    @Test(arguments: [ratio, gateway])
    func `an A/B test needs the proxy`(_ target: String) {
        let spec = """
            traffic: {match: {header: a, value: b}}
            rollout: {strategy: ab, ab: {goal: {outcome: {label: l}}}}
            """
        let found = problems(target, spec).filter { $0.contains("an A/B test must keep users on their revision") }
        #expect(found.first?.hasPrefix("9:23: spec.rollout.strategy: ") == true)
    }

    @Test(arguments: [
        ("rate(a[5m])", "of: contains rate(), but a comparison needs raw cumulative counters"),
        ("sum(increase (a[5m]))", "of: contains increase(), but a comparison needs raw cumulative counters"),
        ("a{v=\"{{revison}}\"}", "of: contains the unknown placeholder {{revison}}"),
        ("a{v=\"{{window}}\"}", "of: contains the unknown placeholder {{window}}"),
    ])
    func `a rate is refused where a raw counter is needed, on every target`(_ query: String, _ message: String) {
        let spec = gate("compare: {ratio: {source: p, of: '\(query)', per: b}}")
        for text in [Manifests.deployment(spec: spec), Manifests.inCluster(spec: spec)] {
            let found = Manifests.problems(text)
            #expect(found.count == 1)
            #expect(found.first?.contains("spec.rollout.gates[0].compare.ratio." + message) == true, "\(found)")
        }
    }

    @Test(arguments: ["error_rate{a=\"b\"}", "my_rate(", "increases_total"])
    func `a metric name that resembles a rate function is accepted`(_ query: String) {
        let spec = gate("compare: {ratio: {source: p, of: '\(query)', per: b}}")
        #expect(Manifests.problems(Manifests.deployment(spec: spec)) == [])
    }
}
