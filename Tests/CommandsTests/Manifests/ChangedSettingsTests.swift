import ControlPorts
import Controller
import Foundation
import Logging
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Commands

/// A controller over real repositories whose settings or histories change while it is stopped.
@Suite("Removals after a changed setting or history")
struct ChangedSettingsTests {
    private let repository: OddRepository
    private let backend = ScriptedBackend()
    private let store = InMemoryStateStore()

    private struct Source {
        var repository: OddRepository?
        var path = "."
        var reference = "main"
    }

    init() throws {
        repository = try OddRepository()
        try repository.write("models/a.yaml", Self.manifest("a"))
        try repository.write("models/b.yaml", Self.manifest("b"))
        try repository.write("other/c.yaml", Self.manifest("c"))
        try repository.commit()
    }

    private static func manifest(_ name: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: odd}
        spec:
          model: {version: "1"}
          runtime: {command: [serve]}
          rollout: {steps: [{setWeight: 100}], gates: []}
        """
    }

    /// Runs a controller until all that it should serve is there, and `body`.
    private func running(_ source: Source = Source(), _ body: @escaping @Sendable (Controller) async throws -> Void)
        async throws
    {
        let own = source.repository ?? repository
        let reader = try own.reader(path: source.path, reference: source.reference, mirrorOf: repository)
        let controller = Controller(
            configuration: ControllerConfiguration(
                interval: .seconds(3600), restingInterval: .milliseconds(50)),
            with: ControllerCollaborators(
                sources: [
                    ProjectSource(
                        reader, rules: ProjectRules(project: "odd", policy: ProjectPolicy()), repo: own.path,
                        reference: source.reference,
                        path: source.path)
                ],
                sites: SiteDirectory(
                    local: Site(
                        backend: backend, store: store, metrics: NoReadings(), logs: NoLogs(),
                        requestIdKey: { _ in nil })),
                trail: store, now: { Date() }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            try await body(controller)
            group.cancelAll()
        }
    }

    private static func wait(
        _ controller: Controller, _ what: String, until isMet: ([String: DeploymentStatus]) -> Bool
    ) async throws {
        var last: [String: DeploymentStatus] = [:]
        // Longer than any load makes it.
        let end = ContinuousClock.now + .seconds(180)
        while ContinuousClock.now < end {
            last = Dictionary(await controller.status().deployments.map { ($0.name, $0) }) { first, _ in first }
            if isMet(last) { return }
            try await ContinuousClock().sleep(for: .milliseconds(5))
        }
        Issue.record("\(what): \(last.mapValues { "\($0.phase) \($0.message)" })")
    }

    private static func serveAll(_ controller: Controller) async throws {
        try await wait(controller, "all serve") { found in
            ["a", "b", "c"].allSatisfy { found[$0]?.phase == .healthy }
        }
    }

    private static func isHeld(_ status: DeploymentStatus?, _ words: String...) -> Bool {
        guard let status, status.stable?.version == "1", status.condition(.ready)?.status == "False" else {
            return false
        }
        return words.allSatisfy(status.message.contains)
    }

    @Test(
        "a narrower path removes nothing, also without a mirror, until the file is gone from git",
        arguments: [false, true])
    func path(losesMirror: Bool) async throws {
        try await running { try await Self.serveAll($0) }
        if losesMirror { try repository.loseMirror() }
        let narrow = Source(path: "models")
        try await running(narrow) { [repository] controller in
            try await Self.wait(controller, "c is held") {
                Self.isHeld(
                    $0["c"], "kept because its manifest is still in other/c.yaml", "the project reads now ('models')")
                    && $0["a"]?.phase == .healthy && $0["a"]?.condition(.ready)?.status == "True"
            }
            let stalled = await controller.status().deployments.first { $0.name == "c" }?.condition(.stalled)
            #expect(stalled?.reason == "NotInGit")
            #expect(await controller.status().sources.first?.error?.contains("delete other/c.yaml") == true)
            // A commit elsewhere changes nothing about it.
            try repository.write("models/d.yaml", Self.manifest("d"))
            try repository.commit()
            _ = try await controller.sync()
            try await Self.wait(controller, "d serves and c is held") {
                $0["d"]?.phase == .healthy && Self.isHeld($0["c"], "other/c.yaml")
            }
        }
        try await running(narrow) { [repository] controller in
            try await Self.wait(controller, "c is held after a restart") { Self.isHeld($0["c"], "other/c.yaml") }
            try repository.remove("other/c.yaml")
            try repository.commit()
            _ = try await controller.sync()
            try await Self.wait(controller, "c is removed") { $0["c"] == nil && $0["a"]?.phase == .healthy }
        }
    }

    @Test("a path that is set back follows again what it left, and .mlctlignore lets it go")
    func backAndAway() async throws {
        try await running { try await Self.serveAll($0) }
        try await running(Source(path: "models")) {
            try await Self.wait($0, "c is held") { Self.isHeld($0["c"], "outside the path") }
        }
        try await running {
            try await Self.wait($0, "c is followed") { $0["c"]?.condition(.ready)?.status == "True" }
        }
        try await running(Source(path: "models")) { [repository] controller in
            try await Self.wait(controller, "c is held") { Self.isHeld($0["c"], "outside the path") }
            try repository.write(".mlctlignore", "/other/c.yaml\n")
            try repository.commit()
            _ = try await controller.sync()
            try await Self.wait(controller, "c is removed") { $0["c"] == nil && $0["a"]?.phase == .healthy }
        }
    }

    @Test("another branch removes what follows from its history, and nothing else")
    func reference() async throws {
        try await running { try await Self.serveAll($0) }
        // A branch that goes on from what was read, and one that left it before.
        try repository.git("checkout", "--quiet", "-b", "next")
        try repository.remove("models/a.yaml")
        try repository.commit()
        try await running(Source(reference: "next")) {
            try await Self.wait($0, "a is removed") { $0["a"] == nil && $0["b"]?.phase == .healthy }
        }
        try repository.git("checkout", "--quiet", "--orphan", "apart")
        try repository.remove("models/b.yaml")
        try repository.commit()
        try await running(Source(reference: "apart")) { [repository] controller in
            try await Self.wait(controller, "b is held") {
                Self.isHeld($0["b"], "described by models/b.yaml of '", "reads 'apart' now")
                    && $0["c"]?.condition(.ready)?.status == "True"
            }
            try repository.write(".mlctlignore", "/models/b.yaml\n")
            try repository.commit()
            _ = try await controller.sync()
            try await Self.wait(controller, "b is removed") { $0["b"] == nil && $0["c"]?.phase == .healthy }
        }
    }

    @Test("another repository removes nothing that it never had")
    func repo() async throws {
        try await running { try await Self.serveAll($0) }
        let other = try OddRepository()
        try other.write("only/a.yaml", Self.manifest("a"))
        try other.commit()
        try await running(Source(repository: other)) { controller in
            try await Self.wait(controller, "b and c are held") {
                Self.isHeld($0["b"], "models/b.yaml of ", "reads \(other.path) now") && Self.isHeld($0["c"])
                    && $0["a"]?.condition(.ready)?.status == "True"
            }
            // Described once, it can be removed as usual.
            try other.write("only/b.yaml", Self.manifest("b"))
            try other.commit()
            _ = try await controller.sync()
            try await Self.wait(controller, "b is followed") { $0["b"]?.condition(.ready)?.status == "True" }
            try other.remove("only/b.yaml")
            try other.commit()
            _ = try await controller.sync()
            try await Self.wait(controller, "b is removed") { $0["b"] == nil && Self.isHeld($0["c"]) }
        }
        // A repository that goes on from the same history is the same, wherever it is.
        try await running { try await Self.wait($0, "all are back") { $0["c"]?.condition(.ready)?.status == "True" } }
    }

    @Test(
        "a push of an unrelated history removes nothing, also in later commits and after a restart; a rewritten one does",
        arguments: [false, true])
    func unrelated(isRewritten: Bool) async throws {
        try repository.write("notes.txt", "second")
        try repository.commit()
        try await running { [repository] controller in
            try await Self.serveAll(controller)
            if isRewritten {
                try repository.git("reset", "--quiet", "--hard", "HEAD~1")
            } else {
                try repository.git("update-ref", "-d", "refs/heads/main")
            }
            try repository.remove("models/b.yaml")
            try repository.remove("other/c.yaml")
            try repository.commit()
            _ = try await controller.sync()
            guard !isRewritten else {
                return try await Self.wait(controller, "b and c are removed") {
                    $0["b"] == nil && $0["c"] == nil && $0["a"]?.phase == .healthy
                }
            }
            func areHeld(_ found: [String: DeploymentStatus]) -> Bool {
                Self.isHeld(found["b"], "has no history in common with commit") && Self.isHeld(found["c"])
            }
            try await Self.wait(controller, "b and c are held", until: areHeld)
            try repository.write("notes.txt", "third")
            try repository.commit()
            _ = try await controller.sync()
            try await Self.wait(controller, "b and c are still held", until: areHeld)
        }
        guard !isRewritten else { return }
        try repository.loseMirror()
        try await running { [repository] controller in
            try await Self.wait(controller, "b is held after a restart") {
                Self.isHeld($0["b"], "is not in the repository any more") && Self.isHeld($0["c"])
            }
            try repository.write(".mlctlignore", "/models/b.yaml\n/other/\n")
            try repository.commit()
            _ = try await controller.sync()
            try await Self.wait(controller, "b and c are removed") {
                $0["b"] == nil && $0["c"] == nil && $0["a"]?.phase == .healthy
            }
        }
    }
}
