import Testing

@testable import ModelManifests

@Suite struct DesiredStateTests {
    @Test func `a reference is resolved across files, in the same namespace`() throws {
        let state = Manifests.resolve(
            Manifests.deployment(namespace: "a", runtime: "{name: own, args: [x]}"),
            Manifests.runtime("own", namespace: "a", spec: "{command: [in-a]}"),
            Manifests.runtime("own", namespace: "b", spec: "{command: [in-b]}"))
        #expect(state.diagnostics == [])
        let runtime = try #require(state.deployments.values.first?.template.runtime)
        #expect(runtime.command == ["in-a"])
        #expect(runtime.args == ["x"])
        #expect(runtime.name == "own")
    }

    @Test func `a ServingRuntime in git takes precedence over the preset with its name`() throws {
        let deployment = Manifests.deployment(runtime: "{name: mlserver}")
        #expect(try Manifests.only(deployment).template.runtime.command == ["mlserver", "start", "."])
        let state = Manifests.resolve(deployment, Manifests.runtime("mlserver", spec: "{command: [mine]}"))
        let template = try #require(state.deployments.values.first?.template)
        #expect(template.runtime.command == ["mine"])
        #expect(template.canonical == #"{"model":{"version":"1"},"runtime":{"command":["mine"]}}"#)
    }

    @Test func `a reference to a missing object lists the existing ones`() {
        let state = Manifests.resolve(
            Manifests.deployment(runtime: "{name: mlservr}"), Manifests.deployment("other", runtime: "{name: xyz}"),
            Manifests.runtime("own", spec: "{command: [a]}"))
        #expect(
            state.diagnostics.map(\.description) == [
                "0.yaml:6:19: spec.runtime.name: ServingRuntime 'mlservr' does not exist in namespace 'default' "
                    + "(did you mean 'mlserver'?)",
                "1.yaml:6:19: spec.runtime.name: ServingRuntime 'xyz' does not exist in namespace 'default' "
                    + "(the runtimes are: own, bentoml, mlctl, mlserver, vllm)",
            ])
        #expect(state.invalid == [DeploymentKey(name: "scorer"), DeploymentKey(name: "other")])
        #expect(state.deployments.isEmpty)
    }

    @Test func `gates come from templates`() throws {
        let deployment = Manifests.deployment(
            spec: """
                rollout:
                  gates: [{template: fast}, {name: renamed, template: fast}]
                  steps: [{gate: {name: fast}}, {gate: {name: third, template: fast}}, {setWeight: 100}]
                """)
        let template = Manifests.gateTemplate("fast", spec: "{threshold: {metric: latencyP95, max: 0.2}}")
        let state = Manifests.resolve(deployment, template)
        #expect(state.diagnostics == [])
        let gates = try #require(state.deployments.values.first?.rollout.gates)
        #expect(gates.map(\.name) == ["fast", "renamed", "third"])
        #expect(gates.allSatisfy { $0.kind == .threshold(ThresholdGate(metric: .latencyP95, max: 0.2)) })
    }

    @Test func `a missing or invalid template affects only deployments that use it`() {
        func using(_ template: String) -> String {
            Manifests.deployment(template, spec: "rollout: {gates: [{template: \(template)}]}")
        }
        let state = Manifests.resolve(
            using("lost"), using("broken"), using("good"),
            Manifests.gateTemplate("good", spec: "{compare: {metric: slow}}"),
            Manifests.gateTemplate("broken", spec: "{compare: {metric: fast}}"))
        #expect(state.deployments.keys.map(\.name) == ["good"])
        #expect(state.invalid.map(\.name).sorted() == ["broken", "lost"])
        #expect(
            state.diagnostics.map(\.description) == [
                "0.yaml:7:21: spec.rollout.gates[0].template: GateTemplate 'lost' does not exist in namespace 'default' "
                    + "(the templates are: broken, good)",
                "1.yaml:7:21: spec.rollout.gates[0].template: the GateTemplate 'broken' cannot be used: it has errors or is "
                    + "described twice (4.yaml:1) (fix it first)",
                "4.yaml:4:26: spec.compare.metric: unknown metric 'fast' (one of: errors, rejected, slow, "
                    + "latencyP50, latencyP95, latencyP99, cpuPerRequest, memory, leak)",
            ])
    }

    @Test func `an invalid runtime affects only deployments that use it`() {
        let state = Manifests.resolve(
            Manifests.deployment("user", runtime: "{name: own}"), Manifests.deployment("other"),
            Manifests.runtime("own", spec: "{command: [a], replicas: 2}"))
        #expect(state.deployments.keys.map(\.name) == ["other"])
        #expect(state.invalid.map(\.name) == ["user"])
    }

    @Test func `two manifests with the same name are both refused, and the errors name both places`() {
        let state = Manifests.resolve(
            Manifests.deployment(), "# first line\n" + Manifests.deployment(spec: "replicas: 2"),
            Manifests.deployment("b"))
        #expect(state.deployments.keys.map(\.name) == ["b"])
        #expect(state.invalid == [DeploymentKey(name: "scorer")])
        #expect(
            state.diagnostics.map(\.description) == [
                "0.yaml:1:1: metadata.name: default/scorer is also described by 1.yaml:2 "
                    + "(keep one of them, or rename one)",
                "1.yaml:2:1: metadata.name: default/scorer is also described by 0.yaml:1 "
                    + "(keep one of them, or rename one)",
            ])
    }

    @Test func `two runtimes with the same name hold the deployments that use them`() {
        let state = Manifests.resolve(
            Manifests.deployment("user", runtime: "{name: own}"), Manifests.runtime("own", spec: "{command: [a]}"),
            Manifests.runtime("own", spec: "{command: [b]}"))
        #expect(state.invalid.map(\.name) == ["user"])
        #expect(state.diagnostics.count == 3)
    }

    @Test func `an invalid manifest affects only its own deployment`() {
        let state = Manifests.resolve(
            Manifests.deployment("bad", spec: "replicas: 0") + "\n---\n" + Manifests.deployment("good"))
        #expect(state.deployments.keys.map(\.name) == ["good"])
        #expect(state.invalid == [DeploymentKey(name: "bad")])
    }

    @Test func `an override that does not fit its runtime is reported`() {
        let state = Manifests.resolve(
            Manifests.deployment(runtime: "{name: own, ports: [{name: web}]}"),
            Manifests.runtime("own", spec: "{command: [a], probes: {readiness: {tcpSocket: {port: http}}}}"))
        #expect(
            state.diagnostics.map(\.description) == [
                "0.yaml:6:12: spec.runtime.probes.readiness: port 'http' does not exist (the ports are: web)"
            ])
        #expect(state.invalid.count == 1)
    }

    @Test func `an image by reference is refused for a local target`() {
        let state = Manifests.resolve(
            Manifests.deployment(runtime: "{name: own}"), Manifests.runtime("own", spec: "{image: python}"))
        #expect(state.diagnostics.first?.message.contains("has an image, which target 'local' cannot run") == true)
        #expect(state.diagnostics.first?.deployment == DeploymentKey(name: "scorer"))
    }

    @Test func `reused deployments equal newly resolved ones`() {
        let deployment = ManifestReader.read(Manifests.deployment(runtime: "{name: own}"), file: "d")
        let first = ManifestReader.read(Manifests.runtime("own", spec: "{command: [one]}"), file: "r")
        let second = ManifestReader.read(Manifests.runtime("own", spec: "{command: [two]}"), file: "r")
        let key = DeploymentKey(name: "scorer")
        var state = DesiredState.resolve(files: [deployment, first])
        #expect(state.deployments[key]?.template.runtime.command == ["one"])
        state = DesiredState.resolve(files: [deployment, first], reusing: state)
        #expect(state.deployments[key]?.template.runtime.command == ["one"])
        state = DesiredState.resolve(files: [deployment, second], reusing: state)
        #expect(state.deployments[key]?.template.runtime.command == ["two"])
        state = DesiredState.resolve(files: [deployment], reusing: state)
        #expect(state.invalid == [key])
        state = DesiredState.resolve(files: [deployment, first, second], reusing: state)
        #expect(state.invalid == [key])
        state = DesiredState.resolve(files: [deployment, first], reusing: state)
        #expect(state.deployments[key]?.template.runtime.command == ["one"])
        #expect(state.diagnostics == [])
    }

    @Test func `deployments in a cluster may share a port, those on one machine may not`() {
        func both(_ target: String, runtime: String) -> DesiredState {
            Manifests.resolve(
                Manifests.deployment("a", spec: "\(target)\nendpoint: {port: 9000}", runtime: runtime),
                Manifests.deployment("b", spec: "\(target)\nendpoint: {port: 9000}", runtime: runtime))
        }
        #expect(both("target: {kind: kubernetes}", runtime: "{image: a}").deployments.count == 2)
        #expect(both("target: {kind: local}", runtime: "{command: [a]}").deployments.count == 1)
    }
}
