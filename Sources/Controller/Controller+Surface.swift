import Foundation
import ModelManifests
import Rollouts

/// What the API and the commands ask of it.
extension Controller: ControlSurface {
    public func status() -> ControllerStatus {
        let keys = Set(entries.keys).union(manifests.keys)
        let views = keys.sorted().map { view(of: $0, state: entries[$0]?.state) }
        return ControllerStatus(sources: [sourceStatus], sites: siteStatuses, deployments: views.map(\.status))
    }

    func view(of key: DeploymentKey, state: RolloutState?) -> DeploymentView {
        DeploymentView(
            key: key, state: state, observed: entries[key]?.observed,
            diagnostics: manifests.diagnostics.filter { $0.deployment == key },
            problem: entries[key]?.problem ?? (isAtWork ? nil : followerText), commit: entries[key]?.commit,
            firstSeenAt: entries[key]?.firstSeenAt ?? with.now())
    }

    public func act(_ command: OperatorCommand, on deployment: DeploymentKey) async throws -> DeploymentStatus {
        guard isAtWork else { throw ControlError(.unavailable, followerText) }
        guard entries[deployment]?.state != nil else { throw Self.notDeployed(deployment) }
        try await withCheckedThrowingContinuation { reply in
            entries[deployment]?.commands.append(PendingCommand(command: command, reply: reply))
            runner.add(.deployment(deployment))
        }
        guard
            let status = status().deployments.first(where: {
                $0.namespace == deployment.namespace && $0.name == deployment.name
            })
        else { throw Self.notDeployed(deployment) }
        return status
    }

    public func sync() async throws -> SourceStatus {
        let changed = try await withCheckedThrowingContinuation { waiter in
            lookWaiters.append(waiter)
            runner.add(.source)
        }
        for key in changed { await nextPass(of: key) }
        return sourceStatus
    }

    private func nextPass(of key: DeploymentKey) async {
        guard entries[key] != nil else { return }
        await withCheckedContinuation { waiter in
            entries[key]?.passWaiters.append(waiter)
            runner.add(.deployment(key))
        }
    }

    public func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent] {
        try await with.trail.events(matching: filter, limit: limit)
    }

    public func eventStream() -> AsyncStream<StoredEvent> {
        let (stream, listener, continuation) = broadcast.add()
        continuation.onTermination = { _ in
            Task { await self.removeListener(listener) }
        }
        return stream
    }

    private func removeListener(_ listener: Int) { broadcast.remove(listener) }

    public func history(of deployment: DeploymentKey) throws -> [HistoryEntry] {
        guard isAtWork else { throw ControlError(.unavailable, followerText) }
        guard let state = entries[deployment]?.state else { throw Self.notDeployed(deployment) }
        return state.historyEntries
    }

    public func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine] {
        guard isAtWork else { throw ControlError(.unavailable, followerText) }
        guard let name = entries[deployment]?.site, let site = with.sites[name] else {
            throw Self.notDeployed(deployment)
        }
        return try await site.logs.logs(of: deployment, revision: revision, lines: lines)
    }

    public func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        try await with.source.isAncestor(commit, of: descendant)
    }

    public func isReady() -> Bool { hasLooked }

    /// The controller's, and those of the data plane, if it answers.
    public func metrics() async -> String {
        let dataPlane = try? await with.dataPlaneMetrics?()
        return ownMetrics + (dataPlane ?? "")
    }

    private var ownMetrics: String {
        var text = MetricsText()
        let phases = Dictionary(grouping: entries.values.compactMap { $0.state?.phase }) { $0 }
        for phase in Phase.allCases {
            text.gauge(
                "mlctl_deployments", "Deployments by phase", Double(phases[phase]?.count ?? 0),
                ["phase": phase.rawValue])
        }
        text.counter("mlctl_passes_total", "Passes over deployments", counts.passes)
        text.counter("mlctl_pass_failures_total", "Passes that could not do their work", counts.failures)
        text.counter("mlctl_state_writes_total", "Records swapped in", counts.writes)
        text.counter("mlctl_source_looks_total", "Looks at git", counts.looks)
        text.counter("mlctl_source_failures_total", "Looks at git that failed", counts.lookFailures)
        text.gauge("mlctl_leader", "1 where this controller does the work, 0 where another one does", isAtWork ? 1 : 0)
        for name in with.sites.names {
            text.gauge(
                "mlctl_site_read",
                "1 where it is known what serves there and was decided, 0 where it cannot be reached",
                standings[name] == .read ? 1 : 0, ["site": "\(name)"])
        }
        for kind in RolloutEvent.Kind.allCases {
            text.counter("mlctl_events_total", "Events by kind", counts.events[kind] ?? 0, ["kind": kind.rawValue])
        }
        text.gauge("mlctl_queue_pending", "Keys that wait for their time or a worker", Double(runner.snapshot.pending))
        text.gauge("mlctl_queue_failing", "Keys whose last pass failed", Double(runner.snapshot.failing))
        for entry in entries.values {
            guard let state = entry.state else { continue }
            let labels = ["namespace": state.key.namespace, "name": state.key.name]
            text.gauge(
                "mlctl_deployment_candidate_weight", "The candidate's share of the traffic, in per cent",
                Double(state.rollout?.weight ?? 0), labels)
        }
        return text.rendered
    }
}
