import ModelManifests
import Testing

@Suite("Check gates in manifests")
struct CheckFieldsTests {
    private func resolved(_ check: String) -> DesiredState {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: scorer}
            spec:
              target: {kind: kubernetes}
              model: {version: "1"}
              runtime: {image: "server:1"}
              rollout: {gates: [{name: golden, check: \(check)}]}
            """
        return DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")])
    }

    @Test("the image of its Job is read, and defaults to the runtime's")
    func image() throws {
        func image(_ check: String) throws -> String? {
            let deployment = try #require(resolved(check).deployments.values.first)
            guard case .check(let gate) = deployment.rollout.gates.first?.kind else { return "no check" }
            return gate.image
        }
        #expect(try image("{command: [a], image: \"eval:2\"}") == "eval:2")
        #expect(try image("{command: [a]}") == nil)
    }

    @Test("an image that is empty or holds white space is refused", arguments: ["eval :2", " ", ""])
    func wrongImage(image: String) {
        let diagnostics = resolved("{command: [a], image: \"\(image)\"}").diagnostics
        #expect(diagnostics.map(\.path) == ["spec.rollout.gates[0].check.image"], "\(diagnostics)")
    }
}
