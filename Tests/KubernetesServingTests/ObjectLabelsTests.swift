import ModelManifests
import Testing

@testable import KubernetesServing

@Suite("Labels of mlctl's objects")
struct ObjectLabelsTests {
    @Test("objects of one revision have its label, those of the whole deployment do not")
    func revision() {
        let key = DeploymentKey(namespace: "payments", name: "fraud")
        #expect(ObjectLabels.of(key)["mlctl.dev/revision"] == nil)
        #expect(ObjectLabels.of(key, revision: Revision(rawValue: "0123456789"))["mlctl.dev/revision"] == "0123456789")
    }
}
