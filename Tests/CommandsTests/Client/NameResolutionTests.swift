import ModelManifests
import Testing

@testable import Commands

@Suite("A name without a namespace")
struct NameResolutionTests {
    private func key(_ namespace: String, _ name: String = "fraud") -> DeploymentKey {
        DeploymentKey(namespace: namespace, name: name)
    }

    @Test("means the one in default, else the only one; several are not guessed at")
    func meaning() {
        #expect(NameResolution("fraud", among: [key("risk"), key("ads", "churn")]) == .one(key("risk")))
        #expect(NameResolution("fraud", among: [key("risk"), key("default")]) == .one(key("default")))
        #expect(NameResolution("fraud", among: [key("risk"), key("ads")]) == .several([key("ads"), key("risk")]))
        #expect(NameResolution("fraud", among: [key("risk", "fraud2")]) == .none)
    }
}
