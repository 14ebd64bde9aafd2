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

    @Test(
        "a rule that allows nearly everything is told apart, with what to write",
        arguments: [
            (ProjectPolicy(namespaces: [NamePattern("*")]), "namespaces"),
            (ProjectPolicy(namespaces: [NamePattern("risk"), NamePattern("**")]), "namespaces"),
            (ProjectPolicy(modelSources: ModelSourceRoot("file:/").map { [$0] }), "modelSources"),
            (ProjectPolicy(modelSources: ModelSourceRoot("file:///etc/").map { [$0] }), "modelSources"),
            (ProjectPolicy(commands: .only(["/usr/bin/python3.12"])), "commands"),
            (ProjectPolicy(commands: .only(["/bin/sh"])), "commands"),
            (ProjectPolicy(commands: .only(["env"])), "commands"),
            (ProjectPolicy(commands: .only(["docker.io/library/python:3.12-slim"])), "commands"),
            (ProjectPolicy(podSecurity: .privileged), "podSecurity"),
        ])
    func wide(policy: ProjectPolicy, field: String) {
        var wide = walled
        wide.policy = policy
        let found = found(.policyWidth, [wide]).filter { $0.message.contains("policy '\(field)'") }
        #expect(found.map(\.severity) == [.warning], "\(field)")
        #expect(found.first?.advice?.contains(field) == true)
        #expect(self.found(.policyWidth, [walled]).map(\.severity) == [.ok])
    }

    @Test("names and roots that are narrow, and programs of their own, are fine")
    func narrow() {
        var fine = walled
        fine.policy.namespaces = [NamePattern("risk-*"), NamePattern("*-risk")]
        fine.policy.modelSources = ["file:/srv/models/", "file:/var/lib/models/", "s3://b/"].compactMap(
            ModelSourceRoot.init)
        fine.policy.commands = .only(["/srv/serve", "registry.example.com/team/server:1.4", "pythonish-server"])
        #expect(found(.policyWidth, [fine]).map(\.severity) == [.ok], "\(found(.policyWidth, [fine]))")
    }

    @Test("a runtime that nobody knows is a warning, with what may be meant")
    func runtimes() {
        func rules(_ runtimes: [String]) -> ProjectRules {
            ProjectRules(project: "risk", policy: ProjectPolicy(runtimes: runtimes))
        }
        let slip = PolicyFindings.runtimes([(rules(["scorer-runtim", "mlserver"]), ["scorer-runtime"])])
        #expect(slip.map(\.severity) == [.warning])
        #expect(slip[0].message.contains("'scorer-runtim' (did you mean 'scorer-runtime'?)"))
        #expect(PolicyFindings.runtimes([(rules(["mlserver", "own"]), ["own"])]).map(\.severity) == [.ok])
        #expect(PolicyFindings.runtimes([(rules(["own"]), nil)]).map(\.severity) == [.notLookedAt])
    }

    @Test("a project without limits is a warning; without readable settings nothing is \"well\"")
    func limits() {
        var boundless = walled
        boundless.policy.limits = ProjectLimits()
        let found = found(.policyLimits, [walled, boundless])
        #expect(found.map(\.severity) == [.problem] && found[0].message.contains("'risk'"))
        #expect(self.found(.policyLimits, [boundless]).map(\.severity) == [.warning])
        #expect(self.found(.policyLimits, [walled]).map(\.severity) == [.ok])
        #expect(self.found(.policyLimits, nil).map(\.severity) == [.notLookedAt])
        #expect(self.found(.policyLimits, []).map(\.severity) == [.notLookedAt])
    }
}
