import ModelManifests
import Testing

@Suite("Project limits and the requests of pod templates")
struct PodDemandTests {
    /// The errors for a deployment whose server has 1 core and 1Gi.
    private func refusals(_ template: String, _ limits: ProjectLimits, replicas: Int = 2) -> [String] {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer}
            spec:
              target: {kind: kubernetes}
              model: {version: "1"}
              replicas: \(replicas)
              resources: {limits: {cpu: 1, memory: 1Gi}}
              runtime: {name: mlserver, podSecurity: privileged, podTemplate: {spec: {\(template)}}}
            """
        let rules = ProjectRules(project: "risk", policy: ProjectPolicy(limits: limits))
        let open = DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")])
        #expect(open.diagnostics.isEmpty, "the manifest itself is wrong: \(open.diagnostics)")
        let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")], by: rules)
        return state.diagnostics.map { "\($0.path): \($0.message)" }
    }

    /// Expects that two instances need exactly these cores and Gi: one less in a limit is refused.
    private func expect(_ template: String, cores: Int, gi: Int64, gpus: Int? = nil) {
        func amounts(_ cores: Int, _ gi: Int64, _ gpus: Int?) -> ProjectLimits {
            ProjectLimits(
                resources: ResourceAmounts(
                    cpuMillicores: cores * 1000, memoryBytes: gi << 30,
                    extended: gpus.map { ["nvidia.com/gpu": $0] } ?? [:]))
        }
        #expect(refusals(template, amounts(cores, gi, gpus)) == [], "\(template)")
        #expect(!refusals(template, amounts(cores - 1, gi, gpus)).isEmpty, "\(template)")
        #expect(!refusals(template, amounts(cores, gi - 1, gpus)).isEmpty, "\(template)")
        if let gpus { #expect(!refusals(template, amounts(cores, gi, gpus - 1)).isEmpty, "\(template)") }
    }

    @Test("the server alone, and with the resources of a template")
    func server() {
        expect("nodeName: a", cores: 2, gi: 2)
        expect("containers: [{name: model, resources: {limits: {cpu: 3}}}]", cores: 6, gi: 2)
        expect("containers: [{name: model, resources: {requests: {memory: 4Gi}}}]", cores: 2, gi: 8)
        expect(
            "containers: [{name: model, resources: {limits: {nvidia.com/gpu: 8}}}]", cores: 2, gi: 2, gpus: 16)
    }

    private func container(_ name: String, _ resources: String, _ more: String = "") -> String {
        "{name: \(name), image: x, \(more) resources: {limits: {\(resources)}}}"
    }

    @Test("sidecars are added; init containers count where they need more")
    func others() {
        let side = container("side", "cpu: 2, memory: 1Gi, nvidia.com/gpu: 1")
        expect("containers: [\(side)]", cores: 6, gi: 4, gpus: 2)
        let small = container("first", "cpu: 500m, memory: 512Mi")
        expect("initContainers: [\(small)]", cores: 2, gi: 2)
        let large = container("second", "cpu: 5, memory: 5Gi")
        expect("initContainers: [\(small), \(large)]", cores: 10, gi: 10)
        expect("containers: [\(side)], initContainers: [\(large)]", cores: 10, gi: 10, gpus: 2)
        let sidecar = container("third", "cpu: 2, memory: 2Gi", "restartPolicy: Always,")
        expect("initContainers: [\(sidecar)]", cores: 6, gi: 6)
        expect("initContainers: [\(sidecar), \(large)]", cores: 14, gi: 14)
        expect("initContainers: [\(large), \(sidecar)]", cores: 10, gi: 10)
        expect("resources: {limits: {cpu: 4, memory: 4Gi}}", cores: 8, gi: 8)
    }

    @Test("fractions of a unit are rounded up")
    func rounding() {
        let limits = ProjectLimits(resources: ResourceAmounts(cpuMillicores: 4000))
        #expect(refusals("containers: [\(container("a", "cpu: 1"))]", limits) == [])
        #expect(!refusals("containers: [\(container("a", "cpu: \"1000.5m\""))]", limits).isEmpty)
    }

    @Test("a container without a limit for a resource is refused where the project limits it")
    func endless() {
        let limits = ProjectLimits(resources: ResourceAmounts(memoryBytes: 1 << 50))
        for (template, path) in [
            ("containers: [{name: side, image: x}]", "spec.runtime.podTemplate.spec.containers[0]"),
            (
                "initContainers: [{name: side, image: x, resources: {requests: {memory: 1}}}]",
                "spec.runtime.podTemplate.spec.initContainers[0]"
            ),
            ("containers: [{name: model, resources: {limits: {memory: null}}}]", "spec.resources"),
            ("containers: [{name: model, resources: null}]", "spec.resources"),
        ] {
            let found = refusals(template, limits)
            #expect(
                found.count == 1 && found.first?.hasPrefix(path + ": the project limits memory") == true, "\(found)")
        }
        #expect(
            refusals("resources: {limits: {memory: 4Gi}}, containers: [{name: side, image: x}]", limits) == [])
        #expect(refusals("initContainers: [{name: storage-initializer, args: [x]}]", limits) == [])
        let devices = ProjectLimits(resources: ResourceAmounts(extended: ["nvidia.com/gpu": 8]))
        #expect(refusals("resourceClaims: [{name: gpu, resourceClaimName: all}]", devices).count == 1)
    }

    @Test("what mlctl runs beside a server, and the Jobs of its checks, count as well")
    func ofMlctl() {
        func demand(_ model: String, _ more: String = "", target: String = "kubernetes") -> ProjectDemand? {
            let text = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: scorer}
                spec:
                  target: {kind: \(target)}
                  model: {\(model)}
                  replicas: 2
                  resources: {limits: {cpu: 100m, memory: 64Mi}}
                  \(more)
                """
            let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")])
            return state.deployments.values.first.map {
                ProjectDemand(replicas: $0.replicas, of: $0.template, at: $0.target) + $0.checkDemand
            }
        }
        let runtime = "runtime: {name: mlserver}"
        let bare = demand("version: '1'", runtime)
        #expect(bare?.cpuMillicores == 200 && bare?.memoryBytes == 128 << 20)
        for uri in ["s3://models/x", "hf://o/m", "https://h/m"] {
            let fetched = demand("storageUri: '\(uri)'", runtime)
            #expect(fetched?.cpuMillicores == 2000 && fetched?.memoryBytes == 2 << 30, "\(uri)")
        }
        let volume = demand("storageUri: 'pvc://c/x'", runtime)
        #expect(volume?.cpuMillicores == 200)
        let less = "initContainers: [{name: storage-initializer, resources: {limits: {cpu: 300m, memory: 1Gi}}}]"
        let lowered = demand(
            "storageUri: 's3://models/x'", "runtime: {name: mlserver, podTemplate: {spec: {\(less)}}}")
        #expect(lowered?.cpuMillicores == 600)
        let check = "rollout: {gates: [{name: e, check: {command: [x]}}, {name: f, check: {command: [x]}}]}"
        let checked = demand("version: '1'", "\(runtime)\n  \(check)")
        #expect(checked?.cpuMillicores == 400 && checked?.replicas == 2)
        let local = demand("storageUri: 'https://h/m'", "\(runtime)\n  \(check)", target: "local")
        #expect(local?.cpuMillicores == 200)
    }

    @Test("the deployments of a project are added up in the same way")
    func together() {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: NAME}
            spec:
              target: {kind: kubernetes}
              model: {version: "1"}
              runtime:
                name: mlserver
                podTemplate: {spec: {containers: [{name: model, resources: {limits: {nvidia.com/gpu: 3}}}]}}
            """
        let limits = ProjectLimits(resources: ResourceAmounts(extended: ["nvidia.com/gpu": 5]))
        let rules = ProjectRules(project: "risk", policy: ProjectPolicy(limits: limits))
        let files = ["a", "b"].map { ManifestReader.read(text.replacing("NAME", with: $0), file: "\($0).yaml") }
        let state = DesiredState.resolve(files: files, by: rules).withinLimits(of: rules)
        #expect(state.deployments.keys.map(\.name) == ["a"])
        #expect(state.diagnostics.first?.message.contains("nvidia.com/gpu: 6 of 5") == true, "\(state.diagnostics)")
    }
}
