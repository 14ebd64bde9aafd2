import ModelManifests
import Testing

@testable import Commands

@Suite("The doctor's findings on policies") struct PolicyFindingsTests {
    private func found(_ check: CheckID, _ projects: [Project]?) -> [Finding] {
        PolicyFindings.all(projects).filter { $0.check == check }
    }

    private let walled = Project(
        name: "risk", repo: "/r",
        policy: ProjectPolicy(
            namespaces: [NamePattern("risk")], targets: [TargetRule(.local)], commands: .deny, modelSources: [],
            secrets: [], podSecurity: .restricted, limits: ProjectLimits(deployments: 5)))

    @Test("each missing restriction is named, with the setting to add")
    func walls() {
        var open = walled
        open.policy.commands = .any
        open.policy.secrets = nil
        let found = found(.policyWalls, [walled, open])
        #expect(found.map(\.severity) == [.warning])
        #expect(found[0].message.contains("commands, secrets"))
        #expect(found[0].advice?.contains("commands: deny; secrets: []") == true)
        #expect(self.found(.policyWalls, [walled]).map(\.severity) == [.ok])
        #expect(self.found(.policyWalls, [Project(repo: "/r")]).map(\.severity) == [.warning])
        #expect(self.found(.policyLimits, [Project(repo: "/r")]).map(\.severity) == [.notApplicable])
    }

    @Test("a project without limits is a warning; without readable settings nothing is \"well\"")
    func limits() {
        var boundless = walled
        boundless.policy.limits = ProjectLimits()
        let found = found(.policyLimits, [walled, boundless])
        #expect(found.map(\.severity) == [.warning] && found[0].message.contains("'risk'"))
        #expect(self.found(.policyLimits, [walled]).map(\.severity) == [.ok])
        #expect(self.found(.policyLimits, nil).map(\.severity) == [.notLookedAt])
        #expect(self.found(.policyLimits, []).map(\.severity) == [.notLookedAt])
    }
}
