import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving

/// The controller as one caller may see it. Roles and scopes are checked only here: every route gets its answers from this type.
///
/// # Guarantees
/// - What the caller's role does not allow is refused, and the error names the role that is needed.
/// - A deployment outside the caller's scope looks as if it did not exist: no answer distinguishes the two cases.
/// - A command carries the caller's verified name as its actor. A name that the client claimed is kept separately, as a claim.
struct AuthorizedSurface: Sendable {
    /// How many events are searched for those that the caller may see.
    static let mostEvents = 10_000

    let surface: any ControlSurface
    let caller: Caller

    // MARK: Looking

    func status() async throws -> ControllerStatus {
        try check(.look)
        var status = await surface.status()
        guard !caller.scope.isEverything else { return status }
        status.deployments.removeAll { !caller.scope.includes($0) }
        let scope = caller.scope
        if let projects = scope.projects {
            status.sources.removeAll { source in source.project.map { !projects.contains($0) } ?? true }
        }
        for index in status.sources.indices {
            let project = status.sources[index].project
            // A diagnostic without a deployment belongs to a file. A file has no namespace, so it is hidden if the scope has
            // namespaces.
            status.sources[index].diagnostics.removeAll { diagnostic in
                guard let key = diagnostic.deployment else { return scope.namespaces != nil }
                return !scope.includes(namespace: key.namespace, project: project)
            }
        }
        return status
    }

    func status(of key: DeploymentKey) async throws -> DeploymentStatus {
        if let found = try await status().deployments.first(where: { $0.deployment == key }) { return found }
        throw notThere(key)
    }

    func history(of key: DeploymentKey) async throws -> [HistoryEntry] {
        try await check(.look, on: key)
        return try await surface.history(of: key)
    }

    func logs(of key: DeploymentKey, revision: Revision?, lines: Int) async throws -> [LogLine] {
        try await check(.readLogs, on: key)
        return try await surface.logs(of: key, revision: revision, lines: lines)
    }

    func explanation(of key: DeploymentKey) async throws -> DeploymentExplanation {
        try await check(.look, on: key)
        return try await surface.explanation(of: key)
    }

    func recordedRollouts(of key: DeploymentKey) async throws -> [RecordedRollout] {
        try await check(.look, on: key)
        return try await surface.recordedRollouts(of: key)
    }

    func recordedReadings(
        of rollout: Int, in key: DeploymentKey, after position: Int, limit: Int
    ) async throws -> [RecordedReading] {
        try await check(.look, on: key)
        return try await surface.recordedReadings(of: rollout, in: key, after: position, limit: limit)
    }

    func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        try check(.look)
        return try await surface.isAncestor(commit, of: descendant)
    }

    // MARK: Events

    /// Newest first.
    func events(matching filter: EventFilter, limit: Int) async throws -> [StoredEvent] {
        try await check(.look, on: filter.deployment)
        guard filter.deployment == nil, !caller.scope.isEverything else {
            return try await surface.events(matching: filter, limit: limit)
        }
        let membership = await membership()
        var wide = limit
        while true {
            let found = try await surface.events(matching: filter, limit: wide)
            let visible = found.filter { membership.includes($0.deployment) }
            if visible.count >= limit || found.count < wide || wide >= Self.mostEvents {
                return Array(visible.prefix(limit))
            }
            wide = min(wide * 4, Self.mostEvents)
        }
    }

    /// Yields whenever something happened, also outside the caller's scope. It is only a signal: the caller reads the events with
    /// `events`.
    func eventStream() async throws -> AsyncStream<StoredEvent> {
        try check(.look)
        return await surface.eventStream()
    }

    /// The chain covers all deployments, so only callers who may see them all get it.
    func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry] {
        try check(.look)
        guard caller.scope.isEverything else {
            throw AccessError(
                "the audit trail covers all deployments, but '\(caller.name)' may access only \(caller.scope.description): use "
                    + "a token without projects and namespaces")
        }
        return try await surface.auditEntries(after: id, limit: limit)
    }

    // MARK: Metrics

    func metrics() async throws -> String {
        try check(.measure)
        guard caller.scope.isEverything else {
            throw AccessError(
                "metrics cover all deployments, but '\(caller.name)' may access only \(caller.scope.description): "
                    + "use a token with the role \(AccessRole.metrics.rawValue)")
        }
        return await surface.metrics()
    }

    func scrapeTargets() async throws -> [ScrapeTarget] {
        try check(.measure)
        let targets = await surface.scrapeTargets()
        guard !caller.scope.isEverything else { return targets }
        let membership = await membership()
        return targets.filter { target in
            guard let namespace = target.labels["namespace"], let name = target.labels["name"] else { return false }
            return membership.includes(DeploymentKey(namespace: namespace, name: name))
        }
    }

    // MARK: Acting

    /// - Parameter command: its actor is replaced by the caller's name.
    func act(_ command: OperatorCommand, on key: DeploymentKey) async throws -> DeploymentStatus {
        try await check(.act, on: key)
        var command = command
        command.actor = caller.name
        if command.claimedActor == caller.name || caller.name == Caller.localPrefix + (command.claimedActor ?? "") {
            command.claimedActor = nil
        }
        return try await surface.act(command, on: key)
    }

    /// - Parameter project: nil for all projects.
    func sync(_ project: String?) async throws -> [SourceStatus] {
        // A caller with `act` permission for the project may have its repository checked.
        let isOwn = project.map { caller.scope.projects?.contains($0) == true } ?? false
        try check(isOwn ? .act : .sync)
        return try await surface.sync(project)
    }

    /// Outcomes of requests that were answered by deployments outside the scope are refused one by one.
    func report(_ outcomes: [ReportedOutcome]) async throws -> OutcomeReceipt {
        try check(.report)
        guard !caller.scope.isEverything else { return try await surface.report(outcomes) }
        let owners = RevisionOwners(await surface.status().deployments, scope: caller.scope)
        let (own, foreign) = outcomes.reduce(into: ([ReportedOutcome](), [OutcomeReceipt.Refusal]())) {
            sorted, outcome in
            if owners.allows(outcome) {
                sorted.0.append(outcome)
            } else {
                sorted.1.append(
                    .init(outcome, "its request was answered by a deployment that this token may not access"))
            }
        }
        return OutcomeReceipt(refusals: foreign) + (own.isEmpty ? .init() : try await surface.report(own))
    }

    // MARK: Checking

    func check(_ permission: AccessPermission) throws(AccessError) {
        guard caller.role.allows(permission) else { throw AccessError(caller, wanting: permission) }
    }

    /// - Parameter key: nil for everything that the caller may see.
    func check(_ permission: AccessPermission, on key: DeploymentKey?) async throws {
        try check(permission)
        guard let key, !caller.scope.isEverything else { return }
        guard await membership().includes(key) else { throw notThere(key) }
    }

    private func notThere(_ key: DeploymentKey) -> ControlError {
        let where_ = caller.scope.isEverything ? "" : " for '\(caller.name)' (\(caller.scope.description))"
        return ControlError(.notFound, "there is no deployment '\(key)'\(where_); 'mlctl status' lists them")
    }

    private func membership() async -> Membership {
        guard caller.scope.projects != nil else { return Membership(scope: caller.scope, projects: [:]) }
        let known = await surface.status().deployments.map { ($0.deployment, $0.project) }
        return Membership(
            scope: caller.scope, projects: Dictionary(known) { first, _ in first }.compactMapValues(\.self))
    }

    private struct Membership {
        var scope: AccessScope
        var projects: [DeploymentKey: String]

        func includes(_ key: DeploymentKey) -> Bool {
            scope.includes(namespace: key.namespace, project: projects[key])
        }
    }
}

/// Which revisions belong to deployments inside and outside the scope, as far as the status shows.
private struct RevisionOwners {
    private var own: Set<Revision> = []
    private var foreign: Set<Revision> = []

    init(_ deployments: [DeploymentStatus], scope: AccessScope) {
        for deployment in deployments {
            let revisions = [
                deployment.stable?.revision, deployment.candidate?.revision, deployment.desired?.revision,
            ].compactMap(\.self)
            if scope.includes(deployment) { own.formUnion(revisions) } else { foreign.formUnion(revisions) }
        }
    }

    /// Malformed ids pass here; the code that verifies ids refuses them.
    func allows(_ outcome: ReportedOutcome) -> Bool {
        guard let revision = RequestIdentity(unverified: outcome.requestId)?.revision else { return true }
        return own.contains(revision) || !foreign.contains(revision)
    }
}

/// A refusal: what the caller may not do, and which role may.
struct AccessError: Error, Hashable {
    var message: String

    init(_ message: String) { self.message = message }

    init(_ caller: Caller, wanting permission: AccessPermission) {
        message =
            "'\(caller.name)' has the role \(caller.role.rawValue), but the role \(permission.neededRole.rawValue) is needed: "
            + "this \(permission.words)"
    }
}
