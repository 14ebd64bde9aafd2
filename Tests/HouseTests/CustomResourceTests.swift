import Foundation
import TestSupport
import Testing
import Yams

/// Validates the CustomResourceDefinition with a real API server, which `MLCTL_TEST_KUBECONFIG` names. Only the definition is
/// written there.
@Suite(
    "The custom resource", .serialized,
    .enabled(
        if: RepositoryFiles.kubeconfig != nil && RepositoryFiles.isInstalled("kubectl"),
        "MLCTL_TEST_KUBECONFIG is not set, or kubectl is not installed"))
struct CustomResourceTests {
    private static func kubectl(_ arguments: [String]) throws {
        let environment = ["KUBECONFIG": RepositoryFiles.kubeconfig ?? ""]
        try ChildProcess.run(["kubectl", "--request-timeout=20s"] + arguments, environment: environment)
    }

    /// Whether the server would accept it, with strict validation.
    private func offer(_ object: [String: Any]) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "mlctl-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try JSONSerialization.data(withJSONObject: object).write(to: file)
        try Self.kubectl([
            "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict",
            "--field-manager=mlctl-test", "--namespace=default", "--filename=\(file.path(percentEncoded: false))",
        ])
    }

    /// Shared by all tests, because each call of kubectl takes a second.
    private static let installation = Result { try installDefinition() }

    private func install() throws { try Self.installation.get() }

    private static func installDefinition() throws {
        let file = RepositoryFiles.url("controller/crds/modeldeployments.mlctl.dev.yaml").path(percentEncoded: false)
        try kubectl(["apply", "--server-side", "--force-conflicts", "--filename=\(file)"])
        try kubectl(["wait", "--for=condition=Established", "--timeout=20s", "--filename=\(file)"])
    }

    @Test("the definition is accepted, and so is every example")
    func examples() throws {
        try install()
        var offeredCount = 0
        for path in try RepositoryFiles.files(in: "manifests/examples") {
            for case var object as [String: Any] in try Array(Yams.load_all(yaml: RepositoryFiles.text(path))) {
                guard object["kind"] as? String == "ModelDeployment",
                    var metadata = object["metadata"] as? [String: Any]
                else { continue }
                metadata["namespace"] = "default"
                object["metadata"] = metadata
                try offer(object)
                offeredCount += 1
            }
        }
        #expect(offeredCount >= 20)
    }

    /// `ModelManifestsTests/CustomResource` checks the same list against mlctl.
    @Test("the API server and mlctl agree, or the difference is documented", arguments: ManifestMutation.all)
    func mutations(mutation: ManifestMutation) throws {
        try install()
        let object = try #require(try Yams.load(yaml: mutation.text) as? [String: Any])
        if mutation.isRefusedByServer {
            #expect(throws: ChildProcess.Failure.self) { try offer(object) }
        } else {
            try offer(object)
        }
    }

    @Test(
        "invalid manifests are refused",
        arguments: [
            "replica: 2", "replicas: two", "replicas: 0", "target: {kind: kubernetes, router: istio}",
            "rollout: {steps: [{setWeight: 101}]}", "rollout: {steps: [{setWeight: 10, pause: {}}]}",
            "traffic: {sticky: {header: a, cookie: b}}", "model: {}", "model: {version: \"1\", digest: \"sha256:12\"}",
            "rollout: {falseRollbackRate: 1}", "rollout: {progressDeadline: 10}",
            "target: {kind: kubernetes, gateways: [{name: a}], parentRefs: [{name: b}]}",
        ])
    func refusals(field: String) throws {
        try install()
        var spec: [String: Any] = ["model": ["version": "1"], "runtime": ["name": "mlserver"]]
        func object() -> [String: Any] {
            [
                "apiVersion": "mlctl.dev/v1alpha1", "kind": "ModelDeployment",
                "metadata": ["name": "mlctl-test-refused", "namespace": "default"], "spec": spec,
            ]
        }
        try offer(object())
        spec.merge(try #require(try Yams.load(yaml: field) as? [String: Any])) { $1 }
        #expect(throws: ChildProcess.Failure.self) { try offer(object()) }
    }
}
