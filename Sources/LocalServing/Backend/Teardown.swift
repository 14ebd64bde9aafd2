import Foundation
import Glibc
import ModelManifests
import Serving

extension LocalBackend {
    /// The result of `mlctl down`.
    package struct Teardown: Hashable, Sendable {
        package var instances: Int
        package var stoppedProxy: Bool
        /// What could not be stopped, and what to do about it.
        package var problems: [String]
    }

    /// Drains and stops every instance, then the proxy. Works without a controller, and must not run beside one. Returns when
    /// nothing runs any more, or when all grace periods have passed.
    package static func stopEverything(
        stateDirectory: URL, progress: @Sendable (String) -> Void = { _ in }
    ) async throws -> Teardown {
        let state = StateFolder(stateDirectory)
        guard access(state.instances, F_OK) == 0 else {
            return Teardown(instances: 0, stoppedProxy: false, problems: [])
        }
        var down = TeardownRun(state: state)
        await down.drain(progress)
        await down.stopInstances(progress)
        let stoppedProxy = await down.stopProxy(progress)
        return Teardown(instances: down.specs.count, stoppedProxy: stoppedProxy, problems: down.problems)
    }
}

private struct TeardownRun {
    static let lookInterval = Duration.milliseconds(25)
    static let keeperPatience = Duration.seconds(12)
    static let proxyPatience = Duration.seconds(10)

    let state: StateFolder
    let client: ProxyClient
    var specs: [InstanceSpec] = []
    var unreadable: [String] = []
    var problems: [String] = []

    init(state: StateFolder) {
        self.state = state
        client = ProxyClient(state)
        for id in StateFile.names(in: state.instances) {
            if let spec = try? state.instance(id).readSpec() { specs.append(spec) } else { unreadable.append(id) }
        }
    }

    private var longestGrace: Duration {
        specs.map(\.template.runtime.terminationGracePeriod).max() ?? .zero
    }

    /// Requests get the drain time of their deployments. Streams do not, because an operator is waiting for the command.
    private var longestDrain: Duration {
        DeploymentRecord.readAll(state).records.compactMap { $0.plan?.endpoint.drainTimeout }.max() ?? longestGrace
    }

    /// Closes the endpoints and waits for the requests in progress.
    func drain(_ progress: (String) -> Void) async {
        guard let report = try? await client.report() else { return }
        let empty = ProxyRoutes(generation: report.generation + 1)
        guard (try? await client.replaceRoutes(empty)) != nil else { return }
        progress("endpoints closed, \(report.instances.reduce(0) { $0 + $1.inFlight }) requests in progress")
        await wait(atMost: longestDrain) {
            guard let report = try? await client.report() else { return true }
            return report.instances.allSatisfy { $0.inFlight == 0 }
        }
    }

    mutating func stopInstances(_ progress: (String) -> Void) async {
        for id in specs.map(\.id) + unreadable {
            do { try state.instance(id).requestStop() } catch { problems.append("\(error)") }
        }
        let folders = (specs.map(\.id) + unreadable).map(state.instance)
        await wait(atMost: longestGrace + Self.keeperPatience) {
            folders.allSatisfy { !FileLock.isHeld($0.lock) }
        }
        for folder in folders { await endLeftovers(of: folder) }
        for spec in specs {
            let folder = state.instance(spec.id)
            guard !FileLock.isHeld(folder.lock) else {
                problems.append("\(spec.id): its keeper does not end. Its log says why: \(folder.keeperLog).")
                continue
            }
            try? LogArchive(state: state).keep(spec, keepsLogs: false, failedRequestIds: [], now: Date())
            remove(folder)
            progress("\(spec.deployment) \(spec.revision): \(spec.id) stopped")
        }
        for id in unreadable where !FileLock.isHeld(state.instance(id).lock) { remove(state.instance(id)) }
        for record in DeploymentRecord.readAll(state).records {
            var record = record
            record.plan = nil
            record.formerPlan = nil
            try? StateFile.write(record, to: DeploymentRecord.path(record.deployment, in: state))
        }
    }

    private func remove(_ folder: InstanceFolder) {
        unlink(folder.spec)
        try? FileManager.default.removeItem(atPath: folder.path)
    }

    /// Ends the server of a killed keeper, which nothing else would end. Touches only processes with the instance's mark.
    private func endLeftovers(of folder: InstanceFolder) async {
        guard !FileLock.isHeld(folder.lock), let value = try? state.mark(ofServer: folder.id) else { return }
        let grace = specs.first { $0.id == folder.id }?.template.runtime.terminationGracePeriod ?? .zero
        await end(ProcessMark(value, logPipe: folder.logPipe), grace: grace)
    }

    mutating func stopProxy(_ progress: (String) -> Void) async -> Bool {
        guard let value = try? state.mark(of: .proxy) else { return false }
        let mark = ProcessMark(value)
        let wasRunning = !mark.tree().isEmpty
        await end(mark, grace: Self.proxyPatience)
        // A process whose main thread has ended looks ended, but it holds its lock until the last thread ends.
        if wasRunning { await wait(atMost: KeeperLimits.killPatience) { !FileLock.isHeld(state.proxyLock) } }
        if FileLock.isHeld(state.proxyLock) {
            problems.append(
                "a proxy that was not started from this state folder runs and holds \(state.proxyLock). Stop it by hand."
            )
        }
        if wasRunning { progress("proxy stopped") }
        return wasRunning
    }

    private func end(_ mark: ProcessMark, grace: Duration) async {
        let tree = mark.tree()
        guard !tree.isEmpty else { return }
        for process in tree { ProcessIdentity(process).signal(SIGTERM) }
        await wait(atMost: grace) { mark.tree().isEmpty }
        await wait(atMost: KeeperLimits.killPatience) {
            let rest = mark.tree()
            for process in rest { ProcessIdentity(process).signal(SIGKILL) }
            return rest.isEmpty
        }
    }

    private func wait(atMost limit: Duration, until isDone: () async -> Bool) async {
        let deadline = ContinuousClock.now + limit
        while await !isDone(), ContinuousClock.now < deadline {
            guard (try? await Task.sleep(for: Self.lookInterval)) != nil else { return }
        }
    }
}
