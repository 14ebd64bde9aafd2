import ModelManifests
import Testing

@Suite("Pod templates under the Pod Security Standards")
struct PodSecurityStandardTests {
    private func problems(_ spec: String, _ level: String, metadata: String = "{}") -> [String] {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer}
            spec:
              target: {kind: kubernetes}
              model: {version: "1"}
              runtime:
                image: registry.example.com/x
                ports: [{name: http, containerPort: 80}]
                podSecurity: \(level)
                podTemplate: {metadata: \(metadata), spec: {\(spec)}}
            """
        return DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")]).diagnostics.map { diagnostic in
            #expect(diagnostic.line == 11 && diagnostic.column > 1, "\(diagnostic)")
            return diagnostic.path.replacing("spec.runtime.podTemplate.", with: "")
        }
    }

    private static let sidecar =
        "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}"

    @Test(
        "fields that baseline forbids are refused at baseline and restricted, and allowed at privileged",
        arguments: [
            ("hostPID: true", "spec.hostPID"), ("hostNetwork: true", "spec.hostNetwork"),
            ("hostIPC: true", "spec.hostIPC"),
            ("hostPID: \"true\"", "spec.hostPID"),
            ("volumes: [{name: a, hostPath: {path: /}}]", "spec.volumes[0].hostPath"),
            (
                "containers: [{name: model, securityContext: {privileged: true}}]",
                "spec.containers[0].securityContext.privileged"
            ),
            (
                "containers: [{name: model, securityContext: {capabilities: {drop: [ALL], add: [SYS_ADMIN]}}}]",
                "spec.containers[0].securityContext.capabilities.add"
            ),
            (
                "containers: [{name: model, ports: [{containerPort: 80, hostPort: 80}]}]",
                "spec.containers[0].ports[0].hostPort"
            ),
            (
                "containers: [{name: model, securityContext: {procMount: Unmasked}}]",
                "spec.containers[0].securityContext.procMount"
            ),
            (
                "containers: [{name: model, securityContext: {seccompProfile: {type: Unconfined}}}]",
                "spec.containers[0].securityContext.seccompProfile.type"
            ),
            (
                "containers: [{name: model, securityContext: {appArmorProfile: {type: Unconfined}}}]",
                "spec.containers[0].securityContext.appArmorProfile.type"
            ),
            ("securityContext: {seLinuxOptions: {type: spc_t}}", "spec.securityContext.seLinuxOptions.type"),
            ("securityContext: {seLinuxOptions: {user: system_u}}", "spec.securityContext.seLinuxOptions.user"),
            (
                "securityContext: {windowsOptions: {hostProcess: true}}",
                "spec.securityContext.windowsOptions.hostProcess"
            ),
            (
                "securityContext: {sysctls: [{name: kernel.msgmax, value: \"1\"}]}",
                "spec.securityContext.sysctls[0].name"
            ),
            (
                "containers: [{name: model, livenessProbe: {httpGet: {host: 169.254.169.254, port: 80}}}]",
                "spec.containers[0].livenessProbe.httpGet.host"
            ),
            (
                "containers: [{name: model, readinessProbe: {tcpSocket: {host: db, port: 80}}}]",
                "spec.containers[0].readinessProbe.tcpSocket.host"
            ),
            (
                "containers: [{name: model, startupProbe: {httpGet: {host: db, port: 80}}}]",
                "spec.containers[0].startupProbe.httpGet.host"
            ),
            (
                "containers: [{name: model, lifecycle: {postStart: {httpGet: {host: db, port: 80}}}}]",
                "spec.containers[0].lifecycle.postStart.httpGet.host"
            ),
            (
                "containers: [{name: model, lifecycle: {preStop: {tcpSocket: {host: db, port: 80}}}}]",
                "spec.containers[0].lifecycle.preStop.tcpSocket.host"
            ),
        ])
    func baseline(_ spec: String, _ path: String) {
        #expect(problems(spec, "baseline") == [path])
        #expect(problems(spec, "restricted").contains(path))
        #expect(problems(spec, "privileged") == [])
    }

    @Test(
        "fields that only restricted forbids are refused only there",
        arguments: [
            ("securityContext: {runAsNonRoot: false}", "spec.securityContext.runAsNonRoot"),
            ("securityContext: {runAsNonRoot: null}", "spec.securityContext.runAsNonRoot"),
            ("securityContext: {runAsUser: 0}", "spec.securityContext.runAsUser"),
            ("securityContext: null", "spec.securityContext"),
            ("securityContext: {seccompProfile: null}", "spec.securityContext.seccompProfile"),
            ("volumes: [{name: a, nfs: {server: s, path: /}}]", "spec.volumes[0].nfs"),
            ("containers: [{name: model, securityContext: null}]", "spec.containers[0].securityContext"),
            (
                "containers: [{name: model, securityContext: {allowPrivilegeEscalation: true}}]",
                "spec.containers[0].securityContext.allowPrivilegeEscalation"
            ),
            (
                "containers: [{name: model, securityContext: {allowPrivilegeEscalation: null}}]",
                "spec.containers[0].securityContext.allowPrivilegeEscalation"
            ),
            (
                "containers: [{name: model, securityContext: {capabilities: null}}]",
                "spec.containers[0].securityContext.capabilities"
            ),
            (
                "containers: [{name: model, securityContext: {capabilities: {drop: [NET_RAW]}}}]",
                "spec.containers[0].securityContext.capabilities"
            ),
            (
                "containers: [{name: model, securityContext: {capabilities: {add: [CHOWN], drop: [ALL]}}}]",
                "spec.containers[0].securityContext.capabilities.add"
            ),
            ("containers: [{name: side, image: x}]", "spec.containers[0].securityContext"),
            ("containers: [{name: companion, image: x}]", "spec.containers[0].securityContext"),
            (
                "initContainers: [{name: init, image: x, securityContext: {capabilities: {drop: [ALL]}}}]",
                "spec.initContainers[0].securityContext.allowPrivilegeEscalation"
            ),
        ])
    func restricted(_ spec: String, _ path: String) {
        #expect(problems(spec, "restricted").contains(path), "\(problems(spec, "restricted"))")
        #expect(problems(spec, "baseline") == [])
    }

    @Test("a template that follows the standard passes at restricted")
    func allowed() {
        for spec in [
            "nodeSelector: {disk: ssd}", "volumes: [{name: a, emptyDir: {}}, {name: b, configMap: {name: c}}]",
            "securityContext: {runAsUser: 1000, fsGroup: 1000, runAsNonRoot: true}",
            "containers: [{name: model, securityContext: {readOnlyRootFilesystem: true, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}}]",
            "containers: [{name: model, env: [{name: A, value: b}]}]",
            "containers: [{name: side, image: x, \(Self.sidecar)}]",
            "securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: \"1\"}]}", "hostPID: false",
        ] {
            #expect(problems(spec, "restricted") == [], "\(spec)")
        }
    }

    @Test(
        "annotations that remove a security profile are refused",
        arguments: [
            "container.apparmor.security.beta.kubernetes.io/model", "seccomp.security.alpha.kubernetes.io/pod",
            "container.seccomp.security.alpha.kubernetes.io/model",
        ])
    func annotations(_ name: String) {
        #expect(problems("", "baseline", metadata: "{annotations: {\(name): unconfined}}").count == 1)
        #expect(problems("", "privileged", metadata: "{annotations: {\(name): unconfined}}") == [])
        for profile in ["runtime/default", "localhost/own"] {
            #expect(problems("", "baseline", metadata: "{annotations: {\(name): \(profile)}}") == [], "\(profile)")
        }
    }

    @Test("a template of a ServingRuntime is checked too, and the error names its place there")
    func servingRuntime() throws {
        let runtime = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ServingRuntime
            metadata: {name: own}
            spec:
              image: x
              ports: [{name: http, containerPort: 80}]
              podTemplate: {spec: {hostPID: true}}
            """
        let deployment = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer}
            spec: {target: {kind: kubernetes}, model: {version: "1"}, runtime: {name: own}}
            """
        let state = DesiredState.resolve(files: [
            ManifestReader.read(runtime, file: "r.yaml"), ManifestReader.read(deployment, file: "m.yaml"),
        ])
        let found = try #require(state.diagnostics.first)
        #expect(found.file == "r.yaml" && found.line == 7 && found.path == "spec.podTemplate.spec.hostPID")
        #expect(state.invalid == [DeploymentKey(name: "scorer")])
    }
}
