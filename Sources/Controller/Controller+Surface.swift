import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Synchronization
import Transport

/// The operations for the API and the commands.
extension Controller: ControlSurface {
    package func status() -> ControllerStatus {
        ControllerStatus(
            sources: manifests.names.compactMap { projects[$0]?.status }, sites: siteStatuses,
            deployments: deploymentStatuses)
    }

    private var deploymentStatuses: [DeploymentStatus] {
        let keys = Set(entries.keys).union(manifests.keys).union(remembered.keys)
        return keys.sorted().map { view(of: $0).status }
    }

    package func act(_ command: OperatorCommand, on deployment: DeploymentKey) async throws -> DeploymentStatus {
        guard isAtWork else { throw ControlError(.unavailable, followerText) }
        guard entries[deployment]?.state != nil else { throw notThere(deployment) }
        if let refusal = orphanRefusal(of: command, deployment) { throw ControlError(.conflict, refusal) }
        lastCommand += 1
        let number = lastCommand
        let timer = limits.set(after: configuration.limits.command) {
            Task { await self.refuseLate(number, of: deployment) }
        }
        defer { limits.lift(timer) }
        try await withCheckedThrowingContinuation { reply in
            // An operator is waiting, so failed steps are tried again at once.
            entries[deployment]?.retries = [:]
            entries[deployment]?.commands.append(PendingCommand(number: number, command: command, reply: reply))
            runner.add(.deployment(deployment), urgency: .urgent)
            // A pass that waits for the backend to apply a plan continues without waiting.
            openCalls[OpenCall.Key(deployment: deployment, step: .applying)]?.letGo()
        }
        guard
            let status = status().deployments.first(where: {
                $0.namespace == deployment.namespace && $0.name == deployment.name
            })
        else { throw notThere(deployment) }
        return status
    }

    /// No pass has taken the command in time. It is refused, so that it is not carried out later, when nobody expects it any
    /// more.
    private func refuseLate(_ number: UInt64, of key: DeploymentKey) {
        guard let index = entries[key]?.commands.firstIndex(where: { $0.number == number }),
            let pending = entries[key]?.commands.remove(at: index)
        else { return }
        let reason = entries[key]?.problem ?? "the controller is busy with this deployment"
        pending.reply.resume(
            throwing: ControlError(
                .unavailable,
                "the command was not carried out: \(key) has had no pass for \(configuration.limits.command.goText) (\(reason)). Try again"
            ))
    }

    static func notDeployed(_ key: DeploymentKey) -> ControlError {
        ControlError(.notFound, "there is no deployment \(key); 'mlctl status' lists them")
    }

    package func sync(_ project: String?) async throws -> [SourceStatus] {
        let names = try project.map { [try checkedProject($0)] } ?? manifests.names
        let changed = try await changes(of: names)
        let waiting = PassWaitGroup(changed.filter { entries[$0] != nil })
        let timer = limits.set(after: configuration.limits.syncing) { waiting.giveUp() }
        defer { limits.lift(timer) }
        for key in waiting.keys {
            // Ends with the pass, or when the controller stops; `giveUp` does not wait for it.
            Task {
                await self.nextPass(of: key)
                waiting.ended(key)
            }
        }
        let awaited = await waiting.left()
        var statuses = names.compactMap { projects[$0]?.status }
        if awaited > 0, !statuses.isEmpty { statuses[0].awaited = awaited }
        return statuses
    }

    private func checkedProject(_ name: String) throws -> String {
        guard projects[name] == nil else { return name }
        throw ControlError(
            .notFound, "there is no project '\(name.prefix(63))'; use one of \(manifests.names.joined(separator: ", "))"
        )
    }

    /// What the next check of each project changes. A failed check throws if there is only one project; otherwise it is in that
    /// project's status.
    private nonisolated func changes(of names: [String]) async throws -> Set<DeploymentKey> {
        if names.count == 1 { return try await nextLook(at: names[0]) }
        return await withTaskGroup(of: Set<DeploymentKey>.self) { group in
            for name in names { group.addTask { (try? await self.nextLook(at: name)) ?? [] } }
            var changed: Set<DeploymentKey> = []
            for await own in group { changed.formUnion(own) }
            return changed
        }
    }

    private func nextLook(at name: String) async throws -> Set<DeploymentKey> {
        try await withCheckedThrowingContinuation { waiter in
            projects[name]?.waiters.append(waiter)
            looks.add(name, urgency: .urgent)
        }
    }

    private func nextPass(of key: DeploymentKey) async {
        guard entries[key] != nil else { return }
        await withCheckedContinuation { waiter in
            entries[key]?.passWaiters.append(waiter)
            runner.add(.deployment(key))
        }
    }

    package func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent] {
        try await with.trail.events(matching: filter, limit: limit)
    }

    package func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry] {
        try await with.trail.auditEntries(after: id, limit: limit)
    }

    package func eventStream() -> AsyncStream<StoredEvent> {
        let (stream, listener, continuation) = broadcast.add()
        continuation.onTermination = { _ in
            Task { await self.removeListener(listener) }
        }
        return stream
    }

    private func removeListener(_ listener: Int) { broadcast.remove(listener) }

    package func history(of deployment: DeploymentKey) throws -> [HistoryEntry] {
        guard let state = known(deployment)?.state else {
            throw isAtWork ? notThere(deployment) : ControlError(.unavailable, followerText)
        }
        return state.historyEntries
    }

    package func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine] {
        guard isAtWork else { throw ControlError(.unavailable, followerText) }
        guard let name = entries[deployment]?.site, let site = with.sites[name] else {
            throw notThere(deployment)
        }
        return try await site.logs.logs(of: deployment, revision: revision, lines: lines)
    }

    package func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        // Commits are the same in every repository: one that knows both commits decides.
        var failure: (any Error)?
        for name in manifests.names {
            do {
                if try await projects[name]?.source.source.isAncestor(commit, of: descendant) == true { return true }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return false
    }

    package func isReady() -> Bool { projects.values.contains(where: \.hasLooked) }

    /// The controller's metrics, and those of the data plane if it answers.
    package func metrics() async -> String {
        let dataPlane = try? await with.dataPlaneMetrics?()
        return ownMetrics + (dataPlane ?? "")
    }

    private var ownMetrics: String {
        var text = MetricsText()
        let statuses = deploymentStatuses
        // A deployment without a first decision is in no phase.
        let phases = Dictionary(grouping: statuses.filter { $0.desired != nil }, by: \.phase)
        for phase in Phase.allCases {
            text.gauge(
                "mlctl_deployments", "Deployments by phase", Double(phases[phase]?.count ?? 0),
                ["phase": phase.rawValue])
        }
        text.counter("mlctl_passes_total", "Passes over deployments", counts.passes)
        text.counter("mlctl_pass_failures_total", "Passes with a failed step", counts.failures)
        text.counter("mlctl_state_writes_total", "Records written", counts.writes)
        text.counter(
            "mlctl_revert_failures_total", "Attempts to write a rollback to git that failed", counts.revertFailures)
        for project in manifests.names.compactMap({ projects[$0] }) { text.add(project) }
        text.gauge("mlctl_leader", "1 if this controller leads, 0 if it stands by", isAtWork ? 1 : 0)
        for site in siteStatuses {
            text.gauge(
                "mlctl_site_reachable",
                "1 if the site can be reached and its records were read, 0 if not",
                site.reachable ? 1 : 0, ["site": site.name])
        }
        for kind in RolloutEvent.Kind.allCases {
            text.counter("mlctl_events_total", "Events by kind", counts.events[kind] ?? 0, ["kind": kind.rawValue])
        }
        text.gauge(
            "mlctl_queue_pending", "Queue keys that wait for their time or for a worker",
            Double(runner.snapshot.pending))
        text.gauge("mlctl_queue_failing", "Queue keys whose last pass failed", Double(runner.snapshot.failing))
        text.counter(
            "mlctl_queue_deferred_total", "How often a key came back too soon and was deferred", runner.snapshot.putOff)
        text.gauge("mlctl_calls_open", "Calls to backends and stores that have not ended", Double(openCalls.count))
        text.gauge(
            "mlctl_unrecorded_deployments", "Deployments whose last decision was carried out but is not recorded yet",
            Double(entries.values.count { $0.unwritten != nil }))
        for status in statuses { text.add(status) }
        return text.rendered
    }
}

/// The deployments whose next pass a caller waits for, until all have had it or the wait is given up.
final class PassWaitGroup: Sendable {
    let keys: Set<DeploymentKey>
    private let open: Mutex<Set<DeploymentKey>>
    private let over = FirstResult<Void>()

    init(_ keys: Set<DeploymentKey>) {
        self.keys = keys
        open = Mutex(keys)
        if keys.isEmpty { over.bring(.success(())) }
    }

    func ended(_ key: DeploymentKey) {
        let isOver = open.withLock { open in
            open.remove(key)
            return open.isEmpty
        }
        if isOver { over.bring(.success(())) }
    }

    func giveUp() { over.bring(.success(())) }

    /// - Returns: how many have not had their pass.
    func left() async -> Int {
        try? await over.value()  // Never fails.
        return open.withLock(\.count)
    }
}
