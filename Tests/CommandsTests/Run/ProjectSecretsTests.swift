import ControlPorts
import Foundation
import ModelManifests
import SecretFiles
import Testing

@testable import Commands
@testable import Controller

@Suite("Secrets of projects")
struct ProjectSecretsTests {
    private let key = DeploymentKey(namespace: "n", name: "m")

    private func folder(_ owner: String?) -> SecretFolder {
        let owners = ProjectOwners()
        owners.note(owner, of: key)
        let projects = [
            Project(repo: "/d"), Project(name: "risk", repo: "/r", policy: ProjectPolicy(secrets: ["db"])),
            Project(name: "ads", repo: "/a"),
        ]
        return ProjectSecrets(projects, owners: owners, state: URL(filePath: "/state")).folder(of: key)
    }

    @Test("each has its own folder, and reads from it only what its policy names")
    func own() {
        #expect(folder("risk") == SecretFolder(path: "/state/secrets/risk", allowed: ["db"]))
        #expect(folder("ads") == SecretFolder(path: "/state/secrets/ads"))
    }

    @Test("the only project of a controller has all secrets")
    func single() { #expect(folder(Project.defaultName) == SecretFolder(path: "/state/secrets")) }

    @Test("a deployment without a project, or of a missing project, gets none")
    func nobody() {
        #expect(folder(nil).allowed == [])
        #expect(folder("gone").allowed == [])
    }
}
