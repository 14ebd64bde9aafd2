import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving

/// Why what serves cannot be observed now.
struct ObservationOutage: Hashable, Sendable {
    var reason: String
    /// Since when; nil if that is unknown.
    var since: Date?
    /// When it was last observed; nil if that is unknown.
    var seenAt: Date?

    var text: String {
        guard let seenAt else { return reason }
        let clause = reason.hasSuffix(".") ? String(reason.dropLast()) : reason
        return "\(clause); the status shows what was last observed at \(seenAt.ISO8601Format())"
    }
}

/// Everything that is known about one deployment, turned into its status. Pure.
///
/// Tables, JSON, `explain`, metrics, a cluster's status and `mlctl wait` all use this status, so they agree.
struct DeploymentView {
    var key: DeploymentKey
    var state: RolloutState?
    /// The last observation in this term of the controller; nil if there was none. Nothing is healthy then.
    var observed: Observation?
    /// Why it cannot be observed now; nil if it can.
    var blindness: ObservationOutage?
    /// Errors in its manifest. The deployment keeps serving unchanged.
    var diagnostics: [Diagnostic] = []
    /// Why it is kept although it is not in git any more; nil if it is in git.
    var absence: ManifestAbsence?
    /// Its owner; nil if its project is not in the settings any more.
    var project: String? = Project.defaultName
    var invalidSince: Date?
    /// Why the last pass failed in part.
    var problem: String?
    var problemSince: Date?
    /// Why decisions are not recorded; nil if they are.
    var recordProblem: String?
    var recordProblemSince: Date?
    /// Whether every current problem is tried again and may go away by itself.
    var isRetried = false
    /// There is no state, but something serves, or may serve, that the controller does not know.
    var isInTheDark = false
    /// Requests meant for a revision that none of its instances could take.
    var unavailable: [Revision: Int] = [:]
    /// Requests whose clients gave up, as last read.
    var abandoned: [Revision: Int] = [:]
    /// The cost of the instances of a revision, as last read.
    var costs: [Revision: InstanceCost] = [:]
    /// What became of writing its rollback back to git; nil where nothing is to be written.
    var revert: Entry.RevertNote?
    /// The commit of the last pass.
    var commit: String?
    /// Where git has the model of its manifest, as `file:line`; nil if that is not known.
    var modelPlace: String?
    /// What changed at the model's location without a commit; nil if nothing did.
    var sourceChange: String?
    /// When the controller first saw the deployment; used if there is no state.
    var firstSeenAt: Date

    var status: DeploymentStatus {
        guard let state else { return withoutState }
        let health = DeploymentHealth(self, state)
        return DeploymentStatus(
            namespace: key.namespace, name: key.name, phase: health.phase, since: state.since,
            message: message(state, health), waitingFor: health.waiting?.cause, deadlineAt: state.deadlineAt,
            endpoint: observed?.endpoint, preview: observed?.preview,
            desired: DesiredStatus(
                revision: state.settings.template.revision, version: state.settings.template.model.version,
                commit: commit ?? state.commit),
            stable: state.stable.map { revisionStatus($0, weight: stableWeight(state), state) },
            candidate: state.rollout.map { revisionStatus($0.candidate, weight: $0.weight, state) },
            step: state.rollout.flatMap { StepStatus($0, state.settings.rollout) },
            gates: state.gateSummaries,
            quarantined: state.quarantined.map {
                QuarantineStatus(revision: $0.revision, version: $0.version, reason: $0.reason, at: $0.at)
            },
            passedOver: state.passedOver.isEmpty
                ? nil
                : state.passedOver.map {
                    QuarantineStatus(revision: $0.revision, version: $0.version, reason: $0.reason, at: $0.at)
                },
            conditions: health.conditions(message(state, health)) + notes(state) + suspension(state),
            waiting: health.waiting,
            instances: observed?.instances.statuses(limit: DeploymentStatus.instanceLimit) ?? [],
            availableSince: health.availability == .available ? state.availableSince : nil,
            degradedSince: state.shortage?.since, leftVersion: state.left?.version,
            cutRequests: observed?.cutRequests.ifAny, refusedConnections: observed?.refusedConnections.ifAny,
            lastSeenAt: blindness?.seenAt, split: state.rollout?.splitSummary,
            selfCheck: state.selfChecks?.summary, project: project)
    }

    /// What is wrong and what to do, the most important first; nil if nothing is.
    private var trouble: String? { invalidity ?? problem ?? state?.heldBack ?? observed?.problems.first }

    /// What is wrong with its manifest; nil if nothing is.
    var invalidity: String? {
        if let absence { return absence.text }
        guard let first = diagnostics.first else { return nil }
        let more = diagnostics.count > 1 ? " (and \(diagnostics.count - 1) more)" : ""
        return "its manifest is invalid, so the deployment stays as it was: \(first)\(more)"
    }

    private func message(_ state: RolloutState, _ health: DeploymentHealth) -> String {
        let before = health.message
        let resting = state.rollout == nil && health.waiting == nil
        let parts = [instanceProblem(state), trouble, resting ? state.suspension : nil, sourceChange].compactMap(\.self)
            .filter { !before.contains($0) }
        return parts.reduce(before) { text, part in
            (text.hasSuffix(".") ? String(text.dropLast()) : text) + "; \(part)"
        }
    }

    /// Why an instance does not serve. An instance of the candidate comes first.
    private func instanceProblem(_ state: RolloutState) -> String? {
        let revisions = [state.rollout?.candidate.revision, state.stable?.revision].compactMap(\.self)
        return revisions.lazy.compactMap { revision in
            observed?.instances.first { $0.revision == revision && $0.condition != .ready && $0.reason != nil }
        }
        .first.flatMap { instance in instance.reason.map { "instance \(instance.id): \($0)" } }
    }

    private func stableWeight(_ state: RolloutState) -> Int { 100 - (state.rollout?.weight ?? 0) }

    private func revisionStatus(_ deployed: DeployedRevision, weight: Int, _ state: RolloutState) -> RevisionStatus {
        let own = observed?.instances.filter { $0.revision == deployed.revision } ?? []
        return RevisionStatus(
            revision: deployed.revision, version: deployed.version,
            weight: observed?.weights?[deployed.revision] ?? weight, replicas: state.replicas(of: deployed, observed),
            ready: observed?.ready(deployed.revision) ?? 0, restarts: own.reduce(0) { $0 + $1.restarts }.ifAny,
            ejected: own.count { $0.isEjected == true }.ifAny, unavailable: unavailable[deployed.revision]?.ifAny,
            abandoned: abandoned[deployed.revision]?.ifAny, progress: own.progress,
            cpuSeconds: costs[deployed.revision].map { ($0.cpuSeconds * 100).rounded() / 100 },
            memoryBytes: costs[deployed.revision]?.memoryBytes)
    }

    /// Advisory conditions: nothing is wrong now, but something could go wrong.
    private func notes(_ state: RolloutState) -> [Condition] {
        [
            revert.map {
                Condition(
                    type: Condition.writtenBack, status: $0.isWritten ? "True" : "False",
                    reason: $0.isWritten ? "Written" : "NotWritten", message: $0.text)
            },
            state.settings.template.model.unpinnedWarning(on: state.target).map {
                Condition(type: "ModelPinned", status: "False", reason: "NoDigest", message: $0)
            },
            sourceChange.map {
                Condition(
                    type: Condition.modelSourceUnchanged, status: "False", reason: "ChangedWithoutCommit", message: $0)
            },
            state.isSuspended
                ? nil
                : state.settings.unseenPredictions.map {
                    Condition(type: Condition.predictionsJudged, status: "False", reason: "NoGate", message: $0)
                },
        ].compactMap(\.self)
    }

    /// Present only while the deployment is suspended.
    private func suspension(_ state: RolloutState) -> [Condition] {
        guard let text = state.suspension else { return [] }
        return [
            Condition(
                type: Condition.suspended, status: "True", reason: state.settings.suspend ? "ByManifest" : "ByOperator",
                message: text)
        ]
    }

    // MARK: - Before the first decision

    private var withoutState: DeploymentStatus {
        let reason = trouble ?? "waiting for the first pass"
        let cause: PersonCause? =
            diagnostics.isEmpty ? (trouble == nil || isInTheDark || isRetried ? nil : .other) : .invalidManifest
        func condition(_ kind: Condition.Kind, _ value: Bool?, _ word: String) -> Condition {
            Condition(type: kind, value, reason: word, message: reason)
        }
        return DeploymentStatus(
            namespace: key.namespace, name: key.name, phase: isInTheDark ? .degraded : .idle, since: firstSeenAt,
            message: reason, waitingFor: reason,
            conditions: [
                condition(.ready, isInTheDark ? nil : false, isInTheDark ? "Unknown" : "NotDeployed"),
                condition(.reconciling, cause == nil, "Waiting"),
                condition(.stalled, cause != nil, cause?.reason ?? "Waiting"),
                condition(.available, isInTheDark ? nil : false, isInTheDark ? "Unknown" : "NothingServes"),
            ],
            waiting: WaitStatus(
                cause: reason, remedy: cause == nil ? nil : "correct the manifest and commit it ('mlctl validate')",
                since: invalidSince ?? problemSince ?? firstSeenAt, needsPerson: cause != nil),
            project: project)
    }
}

extension StepStatus {
    /// - Returns: nil if the rollout does not follow a list of steps: when it restores a revision, or while it is withdrawn.
    init?(_ rollout: Rollout, _ spec: RolloutSpec) {
        guard rollout.purpose != .restore, rollout.withdrawal == nil else { return nil }
        let marks = spec.marks
        // During and after a promotion all steps are done, and the last one is shown.
        let index = min(rollout.stepIndex, marks.count - 1)
        self.init(
            index: index, count: marks.count,
            description: (rollout.currentStep(of: spec) ?? marks[index].step).text)
    }
}

extension RolloutState {
    /// The deployed revisions, newest first: when they were deployed and how they ended.
    var historyEntries: [HistoryEntry] {
        func entry(_ deployed: DeployedRevision, _ ended: Date?, _ outcome: String, _ reason: String) -> HistoryEntry {
            HistoryEntry(
                revision: deployed.revision, version: deployed.version, commit: deployed.commit,
                startedAt: deployed.startedAt, endedAt: ended, outcome: outcome, reason: reason)
        }
        let current =
            (rollout.map { [entry($0.candidate, nil, "candidate", message)] } ?? [])
            + (stable.map { [entry($0, nil, "stable", "")] } ?? [])
        return current + history.map { entry($0.deployed, $0.endedAt, $0.outcome.rawValue, $0.reason) }
    }
}
