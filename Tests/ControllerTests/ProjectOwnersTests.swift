import ControlPorts
import ModelManifests
import Testing

@testable import Controller

@Suite("Owners of deployments for backends")
struct ProjectOwnersTests {
    private let key = DeploymentKey(namespace: "n", name: "m")

    @Test("the owner is the last one that was noted, or nil")
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
