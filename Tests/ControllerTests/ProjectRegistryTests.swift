import ControlPorts
import ModelManifests
import Testing

@testable import Controller

@Suite("Ownership of deployments")
struct ProjectBookTests {
    private let model = DeploymentKey(namespace: "test", name: "model")

    private func ledger(
        _ files: [String: String], commit: String = "c", known: Set<DeploymentKey> = [],
        from before: ManifestLedger = ManifestLedger()
    ) async throws -> (ManifestLedger, Set<DeploymentKey>) {
        var ledger = before
        let snapshot = ManifestSnapshot(
            commit: commit, files: files.mapValues { ManifestFile(blob: "\($0.hashValue)", text: $0) })
        let parsed = try await ledger.parseNew(in: snapshot)
        let absorbed = ledger.absorb(snapshot, parsed: parsed, known: known, allowsEmpty: true)
        return (ledger, absorbed.changed)
    }

    private func absorb(
        _ files: [String: String], of project: String, into book: inout ProjectRegistry, commit: String = "c",
        holders: [Int: DeploymentKey] = [:], inUse: (DeploymentKey) -> ProjectDemand = { _ in ProjectDemand() },
        wanted: (ModelDeployment) -> ProjectDemand = { $0.demand(from: nil, nil) }
    ) async throws -> Set<DeploymentKey> {
        let (ledger, changed) = try await ledger(
            files, commit: commit, known: book.known(to: project), from: book.ledger(of: project))
        return book.absorb(ledger, of: project, changed: changed, holders: holders, inUse: inUse, wanted: wanted)
    }

    private func book(_ limits: ProjectLimits = ProjectLimits()) -> ProjectRegistry {
        ProjectRegistry([Self.rules("a", limits), Self.rules("b")])
    }

    private static func rules(_ name: String, _ limits: ProjectLimits = ProjectLimits()) -> ProjectRules {
        ProjectRules(project: name, policy: ProjectPolicy(limits: limits))
    }

    private func project(_ wish: ProjectRegistry.Wish) -> String? {
        if case .manifest(let deployment) = wish { deployment.project } else { nil }
    }

    @Test("the first project that wants a name keeps it, and the second gets an error with the owner")
    func first() async throws {
        var book = book()
        let files = ["m.yaml": ControllerTests.manifest("1")]
        #expect(try await absorb(files, of: "b", into: &book) == [model])
        #expect(try await absorb(files, of: "a", into: &book) == [])
        #expect(project(book.wish(for: model)) == "b")
        let told = try #require(book.diagnostics(ofProject: "a").first)
        #expect(told.description.hasPrefix("m.yaml:3:"))
        #expect(told.message == "test/model belongs to project 'b', which had it first")
        #expect(book.diagnostics(ofProject: "b").isEmpty)
        #expect(book.diagnostics(of: model).isEmpty)
        // Changes in the second project do not affect the deployment.
        #expect(try await absorb(["m.yaml": ControllerTests.manifest("2")], of: "a", into: &book) == [])
        #expect(project(book.wish(for: model)) == "b")
    }

    @Test("it moves to the other project only when nothing of it serves any more")
    func handedOver() async throws {
        var book = book()
        let files = ["m.yaml": ControllerTests.manifest("1")]
        _ = try await absorb(files, of: "a", into: &book)
        book.note(recordOf: model, project: "a")
        _ = try await absorb(files, of: "b", into: &book)
        #expect(try await absorb([:], of: "a", into: &book) == [model])
        #expect(book.wish(for: model) == .removed)
        #expect(release(from: &book) == [model])
        #expect(project(book.wish(for: model)) == "b")
        #expect(book.diagnostics(ofProject: "b").isEmpty)
        #expect(release(from: &book) == [])
    }

    private func release(
        from book: inout ProjectRegistry, holders: [Int: DeploymentKey] = [:],
        inUse: (DeploymentKey) -> ProjectDemand = { _ in ProjectDemand() }
    ) -> Set<DeploymentKey> {
        book.release(model, holders: holders, inUse: inUse, wanted: { $0.demand(from: nil, nil) })
    }

    @Test("a project that takes over a deployment needs room for it, and a free port")
    func handedOverWithoutRoom() async throws {
        let own = DeploymentKey(namespace: "test", name: "own")
        var serving = ProjectDemand(replicas: 1, of: Resources())
        serving.deployments = 1
        for limit in [1, 2] {
            var book = ProjectRegistry([Self.rules("a"), Self.rules("b", ProjectLimits(deployments: limit))])
            _ = try await absorb(["m.yaml": ControllerTests.manifest("1")], of: "a", into: &book)
            book.note(recordOf: model, project: "a")
            let files = ["m.yaml": ControllerTests.manifest("1"), "own.yaml": manifest("own", port: 9000)]
            _ = try await absorb(
                files, of: "b", into: &book, inUse: { [serving] in $0 == own ? serving : ProjectDemand() })
            book.note(recordOf: own, project: "b")
            _ = try await absorb([:], of: "a", into: &book)
            _ = release(from: &book, inUse: { [serving] in $0 == own ? serving : ProjectDemand() })
            #expect(project(book.wish(for: own)) == "b")
            #expect((book.wish(for: model) == .held) == (limit == 1))
            #expect(
                book.diagnostics(of: model).map(\.message)
                    == (limit == 2
                        ? [] : ["project 'b' has no room for it (policy 'limits'): deployments: 2 of 1"]))
        }
        var book = book()
        let other = DeploymentKey(namespace: "test", name: "other")
        let files = ["m.yaml": manifest("model", port: 9000)]
        _ = try await absorb(files, of: "a", into: &book)
        book.note(recordOf: model, project: "a")
        _ = try await absorb(files, of: "b", into: &book)
        _ = try await absorb(["o.yaml": manifest("other", port: 9000)], of: "a", into: &book)
        _ = release(from: &book)
        #expect(project(book.wish(for: other)) == "a")
        #expect(book.diagnostics(of: model).first?.message == "port 9000 belongs to test/other of project 'a'")
    }

    @Test("after a restart the owner is that of the record, whichever repository is read first")
    func restarted() async throws {
        var book = book()
        let files = ["m.yaml": ControllerTests.manifest("1")]
        book.note(recordOf: model, project: "b")
        _ = try await absorb(files, of: "a", into: &book)
        #expect(book.wish(for: model) == .held)
        #expect(try await absorb(files, of: "b", into: &book).contains(model))
        #expect(project(book.wish(for: model)) == "b")
        #expect(book.diagnostics(ofProject: "a").isEmpty == false)
    }

    @Test("a record of a project that is not in the settings is held until a project wants the deployment")
    func orphan() async throws {
        var book = book()
        book.note(recordOf: model, project: "gone")
        #expect(book.wish(for: model) == .held)
        _ = try await absorb([:], of: "a", into: &book)
        _ = try await absorb([:], of: "b", into: &book)
        #expect(book.wish(for: model) == .held)
        #expect(book.orphanReason(of: model)?.contains("project 'gone'") == true)
        _ = try await absorb(["m.yaml": ControllerTests.manifest("1")], of: "b", into: &book)
        #expect(project(book.wish(for: model)) == "b")
        #expect(book.orphanReason(of: model) == nil)
    }

    @Test("a deployment that no project wants is removed only when every repository was read")
    func unread() async throws {
        var book = book()
        #expect(book.wish(for: model) == .held)
        _ = try await absorb([:], of: "a", into: &book)
        #expect(book.wish(for: model) == .held)
        _ = try await absorb([:], of: "b", into: &book)
        #expect(book.wish(for: model) == .removed)
    }

    @Test("the project of a controller with a single project is not recorded")
    func single() async throws {
        var book = ProjectRegistry()
        _ = try await absorb(["m.yaml": ControllerTests.manifest("1")], of: Project.defaultName, into: &book)
        #expect(project(book.wish(for: model)) == nil)
        #expect(book.owner(of: model) == Project.defaultName)
        #expect(book.commit(for: model) == "c")
    }

    private func manifest(_ name: String, port: Int, replicas: Int = 1) -> String {
        ControllerTests.manifest("1", name: name) + "\n  endpoint: {port: \(port)}\n  replicas: \(replicas)"
    }

    @Test("a port belongs to the first project, and a deployment that serves there now comes first")
    func ports() async throws {
        var book = book()
        let (one, two) = (DeploymentKey(namespace: "test", name: "one"), DeploymentKey(namespace: "test", name: "two"))
        _ = try await absorb(["m.yaml": manifest("one", port: 9000)], of: "a", into: &book)
        _ = try await absorb(["m.yaml": manifest("two", port: 9000)], of: "b", into: &book)
        #expect(book.wish(for: two) == .held)
        #expect(book.diagnostics(of: two).first?.message == "port 9000 belongs to test/one of project 'a'")
        // Another check changes nothing, and a freed port is assigned at the next check.
        _ = try await absorb(["m.yaml": manifest("one", port: 9000)], of: "a", into: &book)
        #expect(project(book.wish(for: one)) == "a")
        _ = try await absorb(["m.yaml": manifest("one", port: 9001)], of: "a", into: &book)
        #expect(try await absorb(["m.yaml": manifest("two", port: 9000)], of: "b", into: &book) == [two])
        #expect(project(book.wish(for: two)) == "b")
        // Decided before a restart: the holder keeps the port, although the other project is read first.
        var restarted = self.book()
        restarted.note(recordOf: two, project: "b")
        _ = try await absorb(["m.yaml": manifest("one", port: 9000)], of: "a", into: &restarted, holders: [9000: two])
        #expect(restarted.wish(for: one) == .held)
    }

    @Test("limits hold new deployments, and those that serve continue")
    func limits() async throws {
        var book = book(ProjectLimits(replicas: 3))
        let (one, two) = (DeploymentKey(namespace: "test", name: "one"), DeploymentKey(namespace: "test", name: "two"))
        var files = [
            "1.yaml": manifest("one", port: 9000, replicas: 2), "2.yaml": manifest("two", port: 9001, replicas: 2),
        ]
        #expect(try await absorb(files, of: "a", into: &book) == [one, two])
        #expect(project(book.wish(for: one)) == "a")
        #expect(book.wish(for: two) == .held)
        #expect(
            book.diagnostics(of: two).first?.message
                == "project 'a' has no room for it (policy 'limits'): replicas: 4 of 3")
        // Deployments that serve count, and keep their place.
        var serving = ProjectDemand(replicas: 2, of: Resources())
        serving.deployments = 1
        _ = try await absorb(files, of: "a", into: &book, inUse: { [serving] in $0 == two ? serving : ProjectDemand() })
        #expect(book.wish(for: one) == .held)
        #expect(project(book.wish(for: two)) == "a")
        #expect(book.usage(ofProject: "a") == [LimitUsage(name: "replicas", used: 2, limit: 3)])
        #expect(book.usage(ofProject: "b").isEmpty)
        files["2.yaml"] = nil
        #expect(try await absorb(files, of: "a", into: &book).contains(one))
        #expect(project(book.wish(for: one)) == "a")
    }

    @Test("limits also count deployments that are being removed")
    func leaving() async throws {
        var book = book(ProjectLimits(replicas: 3))
        let leaving = DeploymentKey(namespace: "test", name: "leaving")
        book.note(recordOf: leaving, project: "a")
        var serving = ProjectDemand(replicas: 2, of: Resources())
        serving.deployments = 1
        let files = ["m.yaml": manifest("one", port: 9000, replicas: 2)]
        let one = DeploymentKey(namespace: "test", name: "one")
        _ = try await absorb(
            files, of: "a", into: &book, inUse: { [serving] in $0 == leaving ? serving : ProjectDemand() })
        #expect(book.wish(for: one) == .held)
        #expect(book.usage(ofProject: "a") == [LimitUsage(name: "replicas", used: 2, limit: 3)])
        // It is gone.
        book.note(recordOf: leaving, project: nil)
        #expect(try await absorb(files, of: "a", into: &book).contains(one))
        #expect(project(book.wish(for: one)) == "a")
    }

    @Test(
        "of thousands of refused deployments, some are reported and the others counted; room makes them visible again")
    func crowd() async throws {
        var book = book(ProjectLimits(deployments: 2))
        let count = ProjectRegistry.refusalsLimit + 50
        let files = Dictionary(
            uniqueKeysWithValues: (0..<count).map { ("\($0).yaml", manifest("m\($0)", port: 10_000 + $0, replicas: 1)) }
        )
        let wanted: (ModelDeployment) -> ProjectDemand = { _ in
            var demand = ProjectDemand(replicas: 1, of: Resources())
            demand.deployments = 1
            return demand
        }
        _ = try await absorb(files, of: "a", into: &book, wanted: wanted)
        let refused = count - 2
        #expect(book.leftOut(ofProject: "a") == refused - ProjectRegistry.refusalsLimit)
        #expect(book.diagnostics(ofProject: "a").count == ProjectRegistry.refusalsLimit)
        #expect(book.keys.count == ProjectRegistry.refusalsLimit + 2)
        let leftOut = try #require(
            (0..<count).map { DeploymentKey(namespace: "test", name: "m\($0)") }.first { book.isLeftOut($0) })
        #expect(book.wish(for: leftOut) == .held)
        #expect(!book.keys.contains(leftOut))
        // A deployment with a record is always reported, whatever else is wanted.
        book.note(recordOf: leftOut, project: "a")
        _ = try await absorb(files, of: "a", into: &book, commit: "d", wanted: wanted)
        #expect(!book.isLeftOut(leftOut) && book.keys.contains(leftOut))
        book.note(recordOf: leftOut, project: nil)
        // Others were removed from git: now it is reported.
        let few = files.filter { $0.key == "\(leftOut.name.dropFirst()).yaml" }
        #expect(try await absorb(few, of: "a", into: &book, commit: "e", wanted: wanted).contains(leftOut))
        #expect(book.leftOut(ofProject: "a") == 0)
        #expect(project(book.wish(for: leftOut)) == "a")
    }

    @Test("one of a settings file that names no limit has a default one, and is told how to raise it")
    func defaultLimit() async throws {
        let wanted: (ModelDeployment) -> ProjectDemand = { _ in
            var demand = ProjectDemand()
            demand.deployments = 1
            return demand
        }
        var book = book()
        let count = ProjectLimits.defaultDeployments + 2
        let files = Dictionary(
            uniqueKeysWithValues: (0..<count).map {
                ("\($0).yaml", ControllerTests.manifest("1", name: "m\($0)"))
            })
        _ = try await absorb(files, of: "a", into: &book, wanted: wanted)
        let told = book.diagnostics(ofProject: "a")
        #expect(told.count == 2)
        #expect(told.first?.message.contains("deployments: 1001 of 1000") == true)
        #expect(told.first?.suggestion?.contains("raise 'policy.limits' of project 'a'") == true)
        #expect(told.first?.suggestion?.contains("without 'limits.deployments' it may have 1000") == true)
        var raised = ProjectRegistry([Self.rules("a", ProjectLimits(deployments: count))])
        _ = try await absorb(files, of: "a", into: &raised, wanted: wanted)
        #expect(raised.diagnostics(ofProject: "a").isEmpty)
        // Whoever has the whole controller is asked for no limit.
        var single = ProjectRegistry()
        _ = try await absorb(files, of: Project.defaultName, into: &single, wanted: wanted)
        #expect(single.diagnostics(ofProject: Project.defaultName).isEmpty && single.keys.count == count)
    }

    @Test("what is spoken of follows what each project wants")
    func keys() async throws {
        var book = book()
        let other = DeploymentKey(namespace: "test", name: "other")
        _ = try await absorb(["m.yaml": ControllerTests.manifest("1")], of: "a", into: &book)
        _ = try await absorb(["o.yaml": ControllerTests.manifest("1", name: "other")], of: "b", into: &book)
        #expect(book.keys == [model, other])
        _ = try await absorb([:], of: "a", into: &book, commit: "d")
        #expect(book.keys == [other])
        _ = try await absorb(["m.yaml": ControllerTests.manifest("1")], of: "b", into: &book, commit: "d")
        #expect(book.keys == [model])
    }

    @Test("a project without limits has a high limit that still protects memory")
    func withoutLimits() async throws {
        let wanted: (ModelDeployment) -> ProjectDemand = { _ in
            var demand = ProjectDemand()
            demand.deployments = 1
            return demand
        }
        func files(_ count: Int) -> [String: String] {
            Dictionary(uniqueKeysWithValues: (0..<count).map { ("\($0).yaml", manifest("m\($0)", port: 10_000 + $0)) })
        }
        var book = ProjectRegistry(mostDeployments: 3)
        let own = Project.defaultName
        _ = try await absorb(files(3), of: own, into: &book, wanted: wanted)
        #expect(book.diagnostics(ofProject: own).isEmpty)
        _ = try await absorb(files(5), of: own, into: &book, commit: "d", wanted: wanted)
        #expect(book.diagnostics(ofProject: own).count == 2)
        #expect(book.diagnostics(ofProject: own).first?.message.contains(" of 3") == true)
    }

    @Test("only the owner decides which commands run for a deployment")
    func checks() async throws {
        var book = book()
        func files(_ command: String) -> [String: String] {
            [
                "m.yaml": ControllerTests.manifest(
                    "1",
                    rollout: "{steps: [{setWeight: 100}], gates: [{name: e, check: {command: [\(command)]}}]}")
            ]
        }
        _ = try await absorb(files("own"), of: "a", into: &book)
        _ = try await absorb(files("other"), of: "b", into: &book)
        #expect(book.containsCheck(CheckGate(command: ["own"]), of: model))
        #expect(!book.containsCheck(CheckGate(command: ["other"]), of: model))
        #expect(!book.containsCheck(CheckGate(command: ["own"]), of: DeploymentKey(namespace: "test", name: "none")))
    }

    @Test("records that are found later follow the rule of their own project, and no other project holds them")
    func foundLater() async throws {
        var book = book()
        // A commit without any manifest removes nothing unless that is allowed.
        _ = try await absorb([:], of: "a", into: &book)
        _ = try await absorb([:], of: "b", into: &book)
        book.note(recordOf: model, project: "b")
        let warnings = book.meet([model]) { _ in false }
        #expect(warnings.keys.sorted() == ["b"])
        #expect(!book.ledger(of: "a").wants(model))
        #expect(book.wish(for: model) == .held)
    }

    @Test("deployments that depend on a deployment of another project are known")
    func dependents() async throws {
        var book = book()
        let waiting = ControllerTests.manifest("1", name: "other") + "\n  dependsOn: [{name: model}]"
        _ = try await absorb(["m.yaml": waiting], of: "b", into: &book)
        #expect(book.dependents(of: model) == [DeploymentKey(namespace: "test", name: "other")])
    }
}
