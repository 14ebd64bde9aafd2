import ModelManifests
import Testing

@testable import Commands

@Suite("The doctor's findings on the controller's user") struct UserRightsFindingsTests {
    private let bare = UserRightsFindings.Server(deployment: DeploymentKey(namespace: "p", name: "a"))
    private let kept = UserRightsFindings.Server(
        deployment: DeploymentKey(namespace: "p", name: "b"), runsAs: "models")

    private func severity(_ user: UInt32, local: [UserRightsFindings.Server]?, serves: Bool = true) -> Finding.Severity
    {
        UserRightsFindings.all(.init(user: user, servesLocally: serves, local: local)).severity
    }

    @Test("root with a model server that has no user of its own is a problem; if manifests are not known, a warning")
    func root() {
        #expect(severity(0, local: [bare, kept]) == .problem)
        #expect(severity(0, local: [kept]) == .ok)
        #expect(severity(0, local: []) == .ok)
        #expect(severity(0, local: nil) == .warning)
        #expect(severity(0, local: nil, serves: false) == .warning)
    }

    @Test("a user other than root cannot apply runAs")
    func others() {
        #expect(severity(1000, local: [bare]) == .ok)
        #expect(severity(1000, local: nil) == .ok)
        #expect(severity(1000, local: [bare, kept]) == .problem)
        #expect(severity(1000, local: [kept], serves: false) == .ok)
    }
}
