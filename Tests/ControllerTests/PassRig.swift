import ControlPorts
import Controller
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

/// A controller whose backend, store, register, counters and notifier can each fail or hang. Its limits are short.
struct PassRig {
    static let key = DeploymentKey(namespace: "test", name: "model")
    static func key(_ name: String) -> DeploymentKey { DeploymentKey(namespace: "test", name: name) }
    /// Judged by its errors, with half of the traffic, until an operator acts.
    static let judged =
        "{steps: [{setWeight: 50}, {pause: {}}, {setWeight: 100}], gates: [{name: errors, compare: {metric: errors}}]}"

    let source: ScriptedSource
    let backend = ScriptedBackend()
    let store = InMemoryStateStore()
    let register = InMemoryRegister()
    let counters: ScriptedCounters
    let notifier = ScriptedNotifier()
    var restingInterval: Duration = .seconds(15)
    var concurrency = 4
    /// Whether the site is a cluster, which shows what git says.
    var isCluster = false

    init(_ files: [String: String], commit: String = "c1") {
        source = ScriptedSource(ControllerTests.Rig.snapshot(files, commit: commit))
        counters = ScriptedCounters(backend)
    }

    static func manifest(
        _ version: String, name: String = "model", uri: String? = nil, rollout: String = judged, more: String = ""
    ) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(name), namespace: test}
        spec:
          model: {version: "\(version)"\(uri.map { ", storageUri: \"\($0)\"" } ?? "")}
          runtime: {command: [serve]}
          rollout: \(rollout)
        \(more)
        """
    }

    /// As an operator does: a command that a busy machine did not carry out in time is given again.
    func act(_ verb: OperatorCommand.Verb, _ controller: Controller) async throws {
        for _ in 0..<20 {
            do {
                _ = try await controller.act(OperatorCommand(verb), on: Self.key)
                return
            } catch let error as ControlError where error.code == .unavailable {
                continue
            }
        }
        _ = try await controller.act(OperatorCommand(verb), on: Self.key)
    }

    static var limits: CallLimits {
        var limits = CallLimits()
        limits.announcing = .milliseconds(600)
        limits.observing = .milliseconds(600)
        limits.readings = .milliseconds(600)
        limits.recording = .milliseconds(600)
        limits.applying = .milliseconds(600)
        limits.replacing = .milliseconds(900)
        limits.syncing = .milliseconds(1500)
        limits.settling = .milliseconds(600)
        limits.quietPinning = .milliseconds(300)
        return limits
    }

    func controller(limits: CallLimits = limits) -> Controller {
        let site = Site(backend: backend, store: store, metrics: counters, logs: NoLogs(), register: register)
        return Controller(
            configuration: ControllerConfiguration(
                interval: .seconds(3600), restingInterval: restingInterval, concurrency: concurrency,
                limits: limits),
            with: ControllerCollaborators(
                source: source,
                sites: isCluster ? SiteDirectory(clusters: ["prod": site]) : SiteDirectory(local: site), trail: store,
                notifier: notifier, now: { Date() }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Runs a controller while `body` does. Whatever hangs continues in the end.
    func running(limits: CallLimits = limits, _ body: @escaping @Sendable (Controller) async throws -> Void)
        async throws
    {
        let controller = controller(limits: limits)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            do {
                try await body(controller)
            } catch {
                openAll()
                throw error
            }
            openAll()
            group.cancelAll()
        }
    }

    func openAll() {
        for barrier in [
            backend.observing, backend.applying, backend.pinning, store.swapping, register.reporting, counters.barrier,
            notifier.barrier,
        ] {
            barrier.open()
        }
    }

    func commit(_ files: [String: String], _ commit: String) async {
        await source.commit(ControllerTests.Rig.snapshot(files, commit: commit))
    }

    /// The same, for a cluster.
    static func inCluster(_ manifest: String) -> String {
        manifest.replacing(
            "runtime: {command: [serve]}",
            with: #"runtime: {image: "example/model:1"}"# + "\n  target: {kind: kubernetes}")
    }

    /// Version 1 is stable, and version 2 has half of the traffic.
    func startCandidate(
        _ controller: Controller, rollout: String = judged
    ) async throws -> (stable: Revision, candidate: Revision) {
        try await ControllerTests.wait(controller) { $0?.phase == .healthy && $0?.stable?.ready == 1 }
        let manifest = Self.manifest("2", rollout: rollout)
        await commit(["a.yaml": isCluster ? Self.inCluster(manifest) : manifest], "c2")
        _ = try await controller.sync()
        try await ControllerTests.wait(controller) { $0?.phase == .paused && $0?.candidate?.weight == 50 }
        let status = try #require(await controller.status().deployments.first { $0.name == "model" })
        return (try #require(status.stable?.revision), try #require(status.candidate?.revision))
    }

    func weights(_ key: DeploymentKey = key) async -> [Revision: Int] {
        let plan = await backend.plans[key]
        return Dictionary((plan?.revisions ?? []).map { ($0.revision, $0.weight) }) { first, _ in first }
    }

    func wait(_ what: String, until isMet: () async throws -> Bool) async throws {
        for _ in 0..<2000 {
            if try await isMet() { return }
            try await ContinuousClock().sleep(for: .milliseconds(5))
        }
        Issue.record("waited in vain: \(what)")
    }
}

/// Accepts notices, or hangs.
actor ScriptedNotifier: Notifier {
    private(set) var notices: [Notice] = []
    nonisolated let barrier = Barrier()

    func notify(_ notice: Notice) async {
        await barrier.pass()
        notices.append(notice)
    }
}
