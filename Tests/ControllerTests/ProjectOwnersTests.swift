import ModelManifests
import Testing

@testable import Controller

@Suite("Whose a deployment is, for those who serve it")
struct ProjectOwnersTests {
    private let key = DeploymentKey(namespace: "n", name: "m")

    @Test("is what was said last, and nobody's once it is nobody's")
    func last() {
        let owners = ProjectOwners()
        #expect(owners.project(of: key) == nil)
        owners.note("risk", of: key)
        #expect(owners.project(of: key) == "risk")
        #expect(owners.project(of: DeploymentKey(namespace: "other", name: "m")) == nil)
        owners.note("ads", of: key)
        #expect(owners.project(of: key) == "ads")
        owners.note(nil, of: key)
        #expect(owners.project(of: key) == nil)
    }
}
