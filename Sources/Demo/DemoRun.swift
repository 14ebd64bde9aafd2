import ControlAPI
import ControlPorts
import Foundation
import LocalServing
import Logging
import ModelManifests
import Rollouts
import Subprocess
import SystemPackage

/// Runs the demo with the real program: `mlctl run` in its own process, git, and a steady load.
package struct DemoRun: Sendable {
    static let startLimit: Duration = .seconds(30)
    static let chapterLimit: Duration = .seconds(120)

    let folder: URL
    let load: SteadyLoad
    let keepsFolder: Bool
    let key = DeploymentKey(namespace: "demo", name: DemoFleet.modelName)
    let progress = DemoProgress()

    /// Finds the controller of a state folder: nil while it is not ready.
    package typealias Connect = @Sendable (_ stateFolder: URL) async -> ControlClient?

    private let connectOnce: Connect

    /// - Parameter folder: created, and removed afterwards unless `keepsFolder`.
    package init(folder: URL, ratePerSecond: Int, keepsFolder: Bool, connect: @escaping Connect) {
        connectOnce = connect
        self.folder = folder.resolvingSymlinksInPath()
        load = SteadyLoad(ratePerSecond: ratePerSecond)
        self.keepsFolder = keepsFolder
    }

    private var state: URL { folder.appending(path: "state") }
    private var repository: DemoRepository {
        DemoRepository(folder: folder.appending(path: "repo"), models: folder.appending(path: "models"))
    }

    /// - Returns: what happened. No process is left running, even after an error.
    package func play() async throws -> DemoReport {
        progress.say("the demo folder is \(folder.path(percentEncoded: false))")
        try await repository.create()
        var outcome: Result<DemoReport, any Error>
        do {
            outcome = .success(try await runWithController())
        } catch {
            outcome = .failure(error)
        }
        progress.say("stopping everything")
        let down = try await LocalBackend.stopEverything(stateDirectory: state)
        for problem in down.problems { progress.say(problem) }
        if keepsFolder {
            progress.say("kept: \(folder.path(percentEncoded: false))")
        } else {
            try? FileManager.default.removeItem(at: folder)
        }
        return try outcome.get()
    }

    private func runWithController() async throws -> DemoReport {
        let first = try await repository.commit(version: "1")
        return try await withThrowingTaskGroup(of: DemoReport?.self) { group in
            group.addTask {
                try await runController()
                return nil
            }
            group.addTask { try await runReleases(firstCommit: first) }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                guard let report = ended else {
                    throw DemoError("the controller ended unexpectedly; see controller.log with --keep")
                }
                return report
            }
            throw DemoError("the demo ended without a report")
        }
    }

    private func runController() async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let log = FilePath(folder.appending(path: "controller.log").path(percentEncoded: false))
        let output = try FileDescriptor.open(
            log, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        defer { try? output.close() }
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(10))]
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path =
            [URL(filePath: executable).deletingLastPathComponent().path(percentEncoded: false)]
            + [ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
        _ = try await Subprocess.run(
            .path(.init(executable)),
            arguments: [
                "run", "--repo", repository.folder.path(percentEncoded: false), "--state-dir",
                state.path(percentEncoded: false), "--listen", "127.0.0.1:0", "--interval", "1h",
            ],
            environment: .inherit.updating(["PATH": path.joined(separator: ":")]), platformOptions: options,
            input: .none, output: .fileDescriptor(output, closeAfterSpawningProcess: false),
            error: .fileDescriptor(output, closeAfterSpawningProcess: false))
    }

    // MARK: - The story

    private func runReleases(firstCommit: String) async throws -> DemoReport {
        var report = DemoReport()
        let client = try await connect()
        progress.say(
            "version 1 is committed (\(firstCommit.prefix(7))): the first model, with nothing to compare it with")
        var status = try await follow(client, "version 1", until: { $0.phase == .healthy })
        guard let endpoint = status.endpoint else { throw DemoError("version 1 has no endpoint: \(status.message)") }
        progress.say("version 1 serves at \(endpoint); the load begins")
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await load.run(
                    against: endpoint, path: DemoFleet.inferPath, bodies: DemoFleet.requests)
            }
            defer { group.cancelAll() }

            status = try await release(
                "2", "a better model", client, &report, until: { $0.phase == .healthy && $0.stable?.version == "2" })
            report.isPromoted = status.stable?.version == "2"
            progress.say(status.message)

            status = try await release(
                "3", "a worse model: it fails on real inputs", client, &report,
                until: { $0.phase == .rolledBack || ($0.phase == .healthy && $0.stable?.version == "3") })
            report.isRolledBack = status.phase == .rolledBack && status.stable?.version == "2"
            progress.say("version 3 was rolled back: \(status.message)")
            try await Task.sleep(for: .seconds(1))  // Shows requests that are still routed to version 3.
            report.tallies = load.byRevision
            return report
        }
    }

    private func release(
        _ version: String, _ what: String, _ client: ControlClient, _ report: inout DemoReport,
        until isOver: @Sendable (DeploymentStatus) -> Bool
    ) async throws -> DeploymentStatus {
        let commit = try await repository.commit(version: version)
        let committedAt = Date()
        progress.say("version \(version) is committed (\(commit.prefix(7))): \(what)")
        _ = try await client.sync()
        var revision: String?
        let status = try await follow(client, "version \(version)") { status in
            if let candidate = status.candidate, candidate.version == version {
                revision = candidate.revision.rawValue
            }
            return status.desired?.version == version && status.candidate == nil && isOver(status)
        }
        let verdicts = try await client.events(of: key, limit: 100).map(\.event)
        let last = verdicts.first { [.promoting, .rollingBack].contains($0.kind) && $0.version == version }
        let gates = last?.evidence ?? []
        report.releases.append(
            DemoReport.Release(version: version, revision: revision ?? "", committedAt: committedAt, gates: gates))
        return status
    }

    private func connect() async throws -> ControlClient {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < Self.startLimit {
            if let client = await connectOnce(state) { return client }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw DemoError("the controller did not start within \(Self.startLimit); see controller.log with --keep")
    }

    /// Polls the status until `isOver` returns true, and prints changes.
    private func follow(
        _ client: ControlClient, _ what: String, until isOver: (DeploymentStatus) -> Bool
    ) async throws -> DeploymentStatus {
        let start = ContinuousClock.now
        var last = ""
        while ContinuousClock.now - start < Self.chapterLimit {
            if let status = try await client.status().deployments.first {
                let line = DemoProgress.line(status)
                if line != last { progress.say("  \(line)") }
                last = line
                if isOver(status) { return status }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw DemoError("\(what) took longer than \(Self.chapterLimit): \(last)")
    }
}
