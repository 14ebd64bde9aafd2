import Testing

@testable import ModelManifests

/// Revision names are stored and used by people. If one of these changes, every deployment in every installation rolls out.
@Suite struct RevisionTests {
    private let text = Manifests.full

    private func revision(_ text: String) throws -> String {
        try Manifests.only(text).template.revision.rawValue
    }

    @Test func `the canonical form is as written, sorted, without defaults`() throws {
        #expect(
            try Manifests.only(text).template.canonical
                == #"{"model":{"format":"sklearn","storageUri":"file:models/fraud/2026-11-20","version":"2026-11-20"},"#
                + #""resources":{"limits":{"cpu":"1.5","memory":"4Gi","nvidia.com/gpu":"1"}},"#
                + #""runtime":{"command":["server","--port","$(PORT)"],"#
                + #""env":[{"name":"THREADS","value":"2"},{"name":"TOKEN","valueFrom":{"secret":"scorer-token"}}],"#
                + #""ports":[{"containerPort":8080,"name":"http"}],"#
                + #""probes":{"readiness":{"failureThreshold":5,"httpGet":{"path":"/ready","port":"8080"},"periodSeconds":0.5}},"#
                + #""terminationGracePeriodSeconds":10,"#
                + #""warmup":{"file":"warmup.jsonl","path":"/score","timeout":"20s"}}}"#)
    }

    @Test func `known manifests keep their revisions forever`() throws {
        #expect(try revision(text) == "4e93541503")
        #expect(try revision(Manifests.deployment()) == "9e8391b409")
        #expect(try revision(Manifests.deployment(runtime: "{name: mlserver}")) == "778ad1495d")
        #expect(
            try revision(Manifests.deployment(runtime: "{name: mlctl, env: [{name: A, value: b}]}"))
                == "8f17cfa18b")
    }

    @Test(arguments: [
        ("cpu: 1.5", "cpu: \"1.5\""),
        ("[server, --port, $(PORT)]", "\n    - 'server'\n    - \"--port\"\n    - $(PORT)"),
        ("containerPort: 8080", "containerPort: 0x1F90"), ("containerPort: 8080", "containerPort: 8_080"),
        ("port: 8080}", "port: '8080'}"), ("periodSeconds: 0.5", "periodSeconds: 0.50 # half"),
        ("version: \"2026-11-20\"", "version: 2026-11-20"), ("    format: sklearn\n", ""),
        ("    env:", "    metrics:\n    env:"),
    ])
    func `notation does not change the revision`(_ old: String, _ new: String) throws {
        var changed = text.replacing(old, with: new)
        try #require(changed != text)
        if new.isEmpty { changed = changed.replacing("  runtime:", with: "    \"format\": 'sklearn'\n  runtime:") }
        #expect(try revision(changed) == revision(text))
    }

    @Test(arguments: [
        ("replicas: 2", "replicas: 3"), ("setWeight: 5", "setWeight: 6"), ("max: 0.25", "max: 0.5"),
        ("mlflow:3f1c", "mlflow:0000"), ("team: risk", "team: fraud"), ("port: 9000", "port: 9001"),
        ("suspend: true", "suspend: false"), ("header: x-user-id", "cookie: uid"), ("holdback: 5", "holdback: 0"),
        ("falseRollbackRate: 0.02", "falseRollbackRate: 0.03"), ("name: fraud-scorer", "name: other"),
    ])
    func `fields that need no new instances make no new revision`(_ old: String, _ new: String) throws {
        let changed = text.replacing(old, with: new)
        try #require(changed != text)
        #expect(try revision(changed) == revision(text))
    }

    @Test(arguments: [
        ("\"2026-11-20\"", "\"2026-11-21\""), ("models/fraud/", "models/"), ("sklearn", "xgboost"),
        ("value: \"2\"", "value: \"3\""), ("scorer-token", "other-token"), ("4Gi", "5Gi"), ("[server,", "[server2,"),
        ("/ready", "/readyz"), ("Seconds: 10", "Seconds: 11"), ("cpu: 1.5", "cpu: 2"), ("--port", "-p"),
        ("periodSeconds: 0.5", "periodSeconds: 1"),
    ])
    func `fields that need new instances make a new revision`(_ old: String, _ new: String) throws {
        let changed = text.replacing(old, with: new)
        try #require(changed != text)
        #expect(try revision(changed) != revision(text))
    }

    @Test func `the target and the router make no new revision`() throws {
        let local = try revision(Manifests.deployment(runtime: "{name: mlserver}"))
        let gateway = "{kind: kubernetes, cluster: prod, router: gatewayAPI, gateways: [{name: g}]}"
        for target in ["{kind: kubernetes}", gateway] {
            let text = Manifests.inCluster(target, spec: "rollout: {gates: []}", runtime: "{name: mlserver}")
            #expect(try revision(text) == local)
        }
    }

    @Test(arguments: [
        "drain: {timeout: 5s}", "rollout: {unavailableAfter: 1m}", "replicas: external", "replicas: 7",
    ])
    func `replicas and draining make no new revision`(_ field: String) throws {
        let plain = try revision(Manifests.inCluster())
        #expect(try revision(Manifests.inCluster(spec: field)) == plain)
    }

    @Test func `a pull secret is the same by its name and as an object`() throws {
        let byName = Manifests.inCluster(runtime: "{image: a, imagePullSecrets: [registry]}")
        let asObject = Manifests.inCluster(runtime: "{image: a, imagePullSecrets: [{name: \"registry\"}]}")
        #expect(try revision(byName) == revision(asObject))
        #expect(
            try Manifests.only(byName).template.canonical
                == #"{"model":{"version":"1"},"runtime":{"image":"a","imagePullSecrets":["registry"]}}"#)
    }

    @Test(arguments: [
        "serviceAccountName: b", "nodeSelector: {pool: gpu}", "tolerations: [{operator: Exists}]",
        "podSecurity: baseline", "podTemplate: {spec: {priorityClassName: high}}", "imagePullSecrets: [registry]",
    ])
    func `pod fields make a new revision`(_ field: String) throws {
        let plain = try revision(Manifests.inCluster(runtime: "{image: a}"))
        #expect(try revision(Manifests.inCluster(runtime: "{image: a, \(field)}")) != plain)
    }

    @Test func `a preset counts by its name only, and overrides of it as written`() throws {
        let plain = try Manifests.only(Manifests.deployment(runtime: "{name: mlserver}"))
        #expect(plain.template.canonical == #"{"model":{"version":"1"},"runtime":{"preset":"mlserver"}}"#)
        let own = try Manifests.only(Manifests.deployment(runtime: "{name: mlserver, args: [--debug]}"))
        #expect(
            own.template.canonical == #"{"model":{"version":"1"},"runtime":{"args":["--debug"],"preset":"mlserver"}}"#)
    }

    @Test func `a runtime gives the same revision inline and by reference, whatever its name`() throws {
        let inline = try revision(Manifests.deployment(runtime: "{command: [server], args: [a]}"))
        for name in ["one", "two"] {
            let referred = Manifests.deployment(runtime: "{name: \(name), args: [a]}")
            let runtime = Manifests.runtime(name, spec: "{args: [b], command: [server]}")
            let state = Manifests.resolve(referred, runtime)
            #expect(state.deployments.values.first?.template.revision.rawValue == inline)
        }
    }
}
