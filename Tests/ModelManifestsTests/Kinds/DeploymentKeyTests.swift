import ModelManifests
import Testing

@Suite("A deployment's key")
struct DeploymentKeyTests {
    @Test("commands in messages name the namespace unless it is the one that commands take by default")
    func argument() {
        #expect(DeploymentKey(name: "fraud").argument == "fraud")
        #expect(DeploymentKey(namespace: "risk", name: "fraud").argument == "risk/fraud")
    }
}
