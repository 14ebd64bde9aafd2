import Testing

@testable import ModelManifests

@Suite struct ManifestPlaceTests {
    @Test func `a path is fields and numbers`() {
        #expect(
            ManifestPlace.elements(of: "spec.rollout.steps[12].gate.name") == [
                .field("spec"), .field("rollout"), .field("steps"), .index(12), .field("gate"), .field("name"),
            ])
        #expect(
            ManifestPlace.elements(of: "metadata.labels[mlctl.dev/a]")
                == [.field("metadata"), .field("labels"), .field("mlctl.dev/a")])
        #expect(ManifestPlace.elements(of: "") == [])
    }

    @Test func `a missing field has the place of its parent`() {
        let text = Manifests.deployment("other") + "\n---\n" + Manifests.deployment(spec: "endpoint:\n  port: 9000")
        let bytes = Array(text.utf8)
        let key = DeploymentKey(name: "scorer")
        #expect(ManifestPlace.find("spec.endpoint.port", of: key, in: bytes) == ManifestPlace(line: 16, column: 11))
        #expect(ManifestPlace.find("spec.endpoint.host", of: key, in: bytes) == ManifestPlace(line: 16, column: 5))
        #expect(ManifestPlace.find("spec.steps[3]", of: key, in: bytes)?.line == 13)
        #expect(ManifestPlace.find("", of: key, in: bytes)?.line == 9)
        #expect(ManifestPlace.find("spec", of: DeploymentKey(name: "nobody"), in: bytes) == nil)
    }
}
