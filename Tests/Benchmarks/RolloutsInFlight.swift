import ControlPorts
import Controller
import Foundation
import Glibc
import Journal
import Logging
import ModelManifests
import Rollouts
import Serving
import TestSupport

/// 1,000 rollouts in flight, with a scripted backend and a journal on disk: the cost of their passes, and the writes.
enum RolloutsInFlight {
    static let count = 1000
    static let measured: Duration = .seconds(30)
    static let requestsPerLook = 40

    static func run(mlctl: URL) async throws -> [Figure] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-in-flight-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let journal = try JournalStore(path: folder.appending(path: "journal.sqlite").path(percentEncoded: false))
        let backend = ScriptedBackend()
        let counters = ScriptedCounters(backend)
        let source = ScriptedSource(snapshot(version: "1", commit: "c1"))
        let quiet = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        let controller = Controller(
            configuration: ControllerConfiguration(interval: .seconds(3600)),
            with: ControllerCollaborators(
                source: source, backend: backend, store: journal, metrics: counters, logs: NoLogs(),
                recorder: ReadingRecorder(store: journal, logger: quiet), now: { Date() }),
            logger: quiet)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            defer { group.cancelAll() }
            try await wait(controller) { $0.phase == .healthy }
            await counters.setTraffic(0)
            await source.commit(snapshot(version: "2", commit: "c2"))
            let began = ContinuousClock.now
            _ = try await controller.sync()
            try await wait(controller) { $0.phase == .paused && $0.candidate?.weight == 50 }
            let all = ContinuousClock.now - began
            let idle = try await measure(controller)
            await counters.setTraffic(requestsPerLook)
            let busy = try await measure(controller)
            return [
                Figure(
                    what: "1,000 rollouts begun by one commit", goal: "under 30 s",
                    measured: "\(text(all / .seconds(1), 1)) s", isMet: all < .seconds(30)),
                figure("1,000 rollouts in flight, no traffic: writes", "under 1 a second", idle.writes, 1, "/s"),
                figure("1,000 rollouts in flight, no traffic: cores", "under 0.5", idle.cores, 0.5, ""),
                figure("1,000 rollouts in flight, with traffic: writes", "under 50 a second", busy.writes, 50, "/s"),
                figure("1,000 rollouts in flight, with traffic: cores", "under 0.5", busy.cores, 0.5, ""),
                Figure(
                    what: "passes while they are in flight", goal: "two a second and rollout",
                    measured: "\(text(busy.passes))/s", isMet: busy.passes > 1500),
            ]
        }
    }

    private static func figure(_ what: String, _ goal: String, _ value: Double, _ limit: Double, _ unit: String)
        -> Figure
    {
        Figure(what: what, goal: goal, measured: "\(text(value, 2))\(unit)", isMet: value < limit)
    }

    private static func snapshot(version: String, commit: String) -> ManifestSnapshot {
        var files: [String: ManifestFile] = [:]
        for number in 0..<count {
            files["\(number).yaml"] = ManifestFile(blob: "\(version)-\(number)", text: manifest(number, version))
        }
        return ManifestSnapshot(commit: commit, files: files)
    }

    private static func manifest(_ number: Int, _ version: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: model-\(number), namespace: test}
        spec:
          model: {version: "\(version)"}
          runtime: {command: [serve]}
          rollout:
            steps: [{setWeight: 50}, {pause: {}}, {setWeight: 100}]
            gates:
            - {name: errors, compare: {metric: errors}}
            - {name: slow, compare: {metric: slow}}
        """
    }

    private static func wait(_ controller: Controller, until isMet: (DeploymentStatus) -> Bool) async throws {
        for _ in 0..<600 {
            let deployments = await controller.status().deployments
            if deployments.count == count, deployments.allSatisfy(isMet) { return }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw BenchmarkError("the rollouts do not get there")
    }

    private struct Rates {
        var passes: Double
        var writes: Double
        var cores: Double
    }

    private static func measure(_ controller: Controller) async throws -> Rates {
        // Everything that the previous change caused has ended.
        try await Task.sleep(for: .seconds(5))
        let (start, cpu, before) = (ContinuousClock.now, cpuSeconds(), await counts(controller))
        try await Task.sleep(for: measured)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let after = await counts(controller)
        return Rates(
            passes: (after.passes - before.passes) / seconds, writes: (after.writes - before.writes) / seconds,
            cores: (cpuSeconds() - cpu) / seconds)
    }

    private static func counts(_ controller: Controller) async -> (passes: Double, writes: Double) {
        let lines = await controller.metrics().split(separator: "\n")
        func value(_ name: String) -> Double {
            lines.first { $0.hasPrefix("\(name) ") }.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
        }
        return (value("mlctl_passes_total"), value("mlctl_state_writes_total"))
    }

    /// Of this process, including the scripted backend and the counters.
    private static func cpuSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}
