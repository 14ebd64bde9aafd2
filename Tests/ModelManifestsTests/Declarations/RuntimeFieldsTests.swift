import Testing

@testable import ModelManifests

@Suite struct RuntimeFieldsTests {
    @Test(arguments: [
        (
            "{args: [a]}",
            "spec.runtime: has no command to start (add 'command', or the 'name' of a ServingRuntime or "
                + "preset (bentoml, mlctl, mlserver, vllm))"
        ),
        (
            "{image: python}",
            "spec.runtime: has an image, which target 'local' cannot run (add a command, or write target: {kind: "
                + "kubernetes})"
        ),
        ("{command: server}", "spec.runtime.command: must be a list, not 'server'"),
        ("{command: []}", "spec.runtime.command: has 0 entries, but must have at least 1"),
        ("{command: [a, {b: c}]}", "spec.runtime.command[1]: must be text, not a mapping"),
        ("{comand: [a]}", "spec.runtime.comand: unknown field 'comand' (did you mean 'command'?)"),
        (
            "{command: [a], env: [{name: 1A, value: b}]}",
            "spec.runtime.env[0].name: '1A' is not the name of an environment variable: use letters, digits, '_', '-' and '.', not starting with a digit"
        ),
        ("{command: [a], env: [{name: A}]}", "spec.runtime.env[0]: needs exactly one of 'value' or 'valueFrom'"),
        (
            "{command: [a], env: [{name: A, value: true}]}",
            "spec.runtime.env[0].value: must be text, not the boolean true (put it in quotes: \"true\")"
        ),
        (
            "{command: [a], env: [{name: A, value: b}, {name: A, value: c}]}",
            "spec.runtime.env[1]: two variables are named 'A', the first on line 6"
        ),
        (
            "{command: [a], env: [{name: A, valueFrom: {secretKeyRef: {name: x}}}]}",
            "spec.runtime.env[0].valueFrom.secretKeyRef: unknown field 'secretKeyRef' (did you mean 'secret'?)"
        ),
        (
            "{command: [a], ports: [{name: http}, {name: http}]}",
            "spec.runtime.ports[1]: two ports are named 'http', the first on line 6"
        ),
        (
            "{command: [a], probes: {readiness: {}}}",
            "spec.runtime.probes.readiness: needs exactly one of 'httpGet' or 'tcpSocket'"
        ),
        (
            "{command: [a], probes: {readiness: {exec: {command: [x]}}}}",
            "spec.runtime.probes.readiness.exec: 'exec' is not available in this version; use httpGet or tcpSocket"
        ),
        (
            "{command: [a], probes: {readiness: {httpGet: {path: health}}}}",
            "spec.runtime.probes.readiness.httpGet.path: must begin with '/' (did you mean '/health'?)"
        ),
        (
            "{command: [a], probes: {readiness: {httpGet: {port: htp}}}}",
            "spec.runtime.probes.readiness: port 'htp' does not exist (did you mean 'http'?)"
        ),
        (
            "{command: [a], probes: {readiness: {httpGet: {port: 8080}}}}",
            "spec.runtime.probes.readiness: port '8080' does not exist (the ports are: http)"
        ),
        (
            "{command: [a], warmup: {file: ../x}}",
            "spec.runtime.warmup.file: '../x' is outside the model's folder (write a path relative to the model's files, "
                + "without '..')"
        ),
        (
            "{command: [a], terminationGracePeriod: 1s, terminationGracePeriodSeconds: 1}",
            "spec.runtime: can have only one of 'terminationGracePeriod' or 'terminationGracePeriodSeconds'"
        ),
        ("{command: [\"a\\0b\"]}", "spec.runtime.command[0]: must not contain the character NUL"),
    ])
    func `errors in a runtime are reported`(_ runtime: String, _ message: String) {
        let problems = Manifests.problems(Manifests.deployment(runtime: runtime))
        #expect(problems.first?.split(separator: " ", maxSplits: 1).last.map(String.init) == message)
        #expect(problems.count == 1)
    }

    @Test func `probes are read as in Kubernetes`() throws {
        let runtime = try Manifests.only(
            Manifests.deployment(
                runtime: """

                        command: [a]
                        ports: [{name: web, containerPort: 80}, {name: admin}]
                        probes:
                          startup:
                            tcpSocket: {port: admin}
                            periodSeconds: 2
                            timeoutSeconds: 0.25
                            initialDelaySeconds: 3
                            failureThreshold: 30
                            successThreshold: 2
                          liveness:
                            tcpSocket:
                          readiness:
                            httpGet: {}
                        terminationGracePeriod: 1m
                        metrics: {path: /metrics, port: web, dialect: vllm}
                    """)
        ).template.runtime
        #expect(
            runtime.probes
                == Probes(
                    startup: Probe(
                        check: .tcpSocket(port: "admin"), period: .seconds(2), timeout: .milliseconds(250),
                        initialDelay: .seconds(3), failureThreshold: 30, successThreshold: 2),
                    readiness: Probe(check: .httpGet(path: "/", port: nil)),
                    liveness: Probe(check: .tcpSocket(port: nil))))
        #expect(runtime.terminationGracePeriod == .seconds(60))
    }

    @Test func `metrics are kept in the canonical form`() throws {
        let template = try Manifests.only(
            Manifests.deployment(runtime: "{command: [a], metrics: {path: /m}}")
        ).template
        #expect(template.canonical.contains(#""metrics":{"path":"/m"}"#))
    }
}
