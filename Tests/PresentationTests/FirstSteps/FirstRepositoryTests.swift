import Foundation
import ModelManifests
import Testing

@testable import Presentation

@Suite("The first repository")
struct FirstRepositoryTests {
    private func repository(
        _ preset: String = "mlserver", ci: FirstRepository.ContinuousIntegration = .github,
        uri: String = "s3://bucket/fraud"
    ) throws -> FirstRepository {
        FirstRepository(
            name: "fraud", namespace: "risk", version: "2026-11-20", storageURI: uri,
            server: try #require(ModelServer(preset: preset)), port: 9000, integration: ci)
    }

    @Test(
        "its manifest is valid for each preset, whatever stands in the address",
        arguments: RuntimePresets.texts.keys.sorted())
    func manifests(_ preset: String) throws {
        for uri in ["s3://bucket/fraud", "file:///srv/a%20b'%22/#x"] {
            let file = ManifestReader.read(try repository(preset, uri: uri).manifest, file: "models/fraud.yaml")
            let read = DesiredState.resolve(files: [file])
            #expect(read.diagnostics.isEmpty, "\(read.diagnostics)")
            let deployment = try #require(read.deployments.values.first)
            #expect(deployment.template.model.storageURI == uri && deployment.template.model.version == "2026-11-20")
            #expect(deployment.key == DeploymentKey(namespace: "risk", name: "fraud"))
        }
    }

    @Test(
        "predictions are compared where the server speaks the Open Inference Protocol, and else it says that nothing does"
    )
    func predictions() throws {
        #expect(try repository("mlserver").manifest.contains("agreement: {min: 0.9}"))
        let other = try repository("vllm").manifest
        #expect(!other.contains("agreement") && other.contains("Nothing looks at the answers"))
    }

    @Test("the workflow names this deployment and this folder, and nothing of the template's")
    func workflows() throws {
        let paths: [FirstRepository.ContinuousIntegration: String] = [
            .github: ".github/workflows/models.yaml", .gitlab: ".gitlab-ci.yml",
        ]
        for (ci, path) in paths {
            let text = try #require(try repository(ci: ci).files[path])
            #expect(text.contains("mlctl wait fraud -n risk") && text.contains("mlctl validate models/"))
            #expect(!text.contains("fraud-scorer") && !text.contains("deploy/"))
        }
        #expect(try repository(ci: .none).files.count == 2)
    }

    @Test(
        "a name comes from the model's own, not from its version or kind of file",
        arguments: [
            ("/srv/models/fraud/v3", "fraud"), ("./Fraud_Scorer.joblib", "fraud-scorer"),
            ("s3://models/churn/2026-11-20/", "churn"),
            ("models:/fraud@champion", "fraud"), ("hf:org/bert-base", "bert-base"), ("/models/model.pkl", nil),
            ("", nil),
        ] as [(String, String?)])
    func names(_ address: String, _ name: String?) { #expect(FirstRepository.name(from: address) == name) }
}
