import Testing

@testable import ModelManifests

/// No secret gets onto a command line, directly or indirectly.
struct SecretExposureTests {
    private func messages(_ spec: String, others: String = "") -> [String] {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: m}
            spec: {model: {version: "1"}, \(spec)}
            """
        let state = others.isEmpty ? Manifests.resolve(text) : Manifests.resolve(text, others)
        return state.diagnostics.map { "\($0.path): \($0.message)" }
    }

    @Test(
        "is refused in a runtime's command: directly, through another variable, and inside longer arguments",
        arguments: [
            #"runtime: {command: [serve, "--password=$(DB)"], env: [{name: DB, valueFrom: {secret: db}}]}"#,
            #"runtime: {command: [serve], args: ["$(DB)"], env: [{name: DB, valueFrom: {secret: db}}]}"#,
            #"runtime: {command: [serve], args: ["-u", "$(URL)"], env: [{name: DB, valueFrom: {secret: db}}, {name: URL, value: "db://u:$(DB)@h"}]}"#,
            #"runtime: {command: [serve], args: ["$$$(DB)x"], env: [{name: DB, valueFrom: {secret: db}}]}"#,
            "runtime: {command: [serve], args: [\"$(DB)\u{301}\"], env: [{name: DB, valueFrom: {secret: db}}]}",
            #"target: {kind: kubernetes}, runtime: {image: i, args: ["$(DB)"], env: [{name: DB, valueFrom: {secret: db}}]}"#,
            #"runtime: {name: mlserver, args: ["$(DB)"], env: [{name: DB, valueFrom: {secret: db}}]}"#,
            #"target: {kind: kubernetes}, runtime: {image: i, podTemplate: {spec: {containers: [{name: sidecar, image: s, args: ["$(DB)"], env: [{name: DB, valueFrom: {secretKeyRef: {name: db, key: k}}}]}]}}}"#,
            #"runtime: {command: [serve]}, rollout: {gates: [{name: g, check: {command: [test, "$(DB)"], env: [{name: DB, valueFrom: {secret: db}}]}}]}"#,
        ])
    func refused(spec: String) {
        let messages = messages(spec)
        #expect(messages.contains { $0.contains("puts the secret 'db' on the command line") }, "\(messages)")
    }

    @Test("is refused where a ServingRuntime has the argument and the deployment has the secret")
    func acrossDocuments() {
        let runtime = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ServingRuntime
            metadata: {name: r}
            spec: {command: [serve, "--password=$(DB)"]}
            """
        let spec = "runtime: {name: r, env: [{name: DB, valueFrom: {secret: db}}]}"
        #expect(messages(spec, others: runtime).contains { $0.contains("puts the secret 'db'") })
        #expect(messages("runtime: {name: r, env: [{name: DB, value: x}]}", others: runtime).isEmpty)
    }

    @Test(
        "secrets only in the environment are accepted, and so is text that only looks like a reference",
        arguments: [
            #"runtime: {command: [serve], env: [{name: DB, valueFrom: {secret: db}}, {name: URL, value: "db://$(DB)@h"}]}"#,
            #"runtime: {command: [serve, "$$(DB)", "$DB", "$(OTHER)", "$(DB"], env: [{name: DB, valueFrom: {secret: db}}]}"#,
            #"runtime: {command: [serve, "$(URL)"], env: [{name: URL, value: "$(DB)"}, {name: DB, valueFrom: {secret: db}}]}"#,
        ])
    func accepted(spec: String) { #expect(messages(spec).isEmpty, "\(messages(spec))") }

    @Test("references are parsed exactly as Kubernetes parses them")
    func references() {
        #expect(VariableReferences.names(in: "a $(A) $$(B) $(C)\u{301} $(D $E") == ["A", "C"])
        #expect(VariableReferences.replaced(in: "$(A)\u{301}$$(A)$(B)$", by: ["A": "x"]) == "x\u{301}$(A)$(B)$")
    }
}
