import Foundation
import ModelManifests
import Rollouts
import Serving

/// Why what serves cannot be seen any more.
struct Blindness: Hashable, Sendable {
    var reason: String
    /// Since when; nil where that is not known.
    var since: Date?
    /// When it was seen last; nil where that is not known.
    var seenAt: Date?

    var text: String {
        guard let seenAt else { return reason }
        let clause = reason.hasSuffix(".") ? String(reason.dropLast()) : reason
        return "\(clause); what is said is as last seen at \(seenAt.ISO8601Format())"
    }
}

/// What is known about one deployment, put into the words of the status. Pure.
///
/// Tables, JSON, `explain`, metrics, a cluster's status and `mlctl wait` all go by what is said here: so they agree.
struct DeploymentView {
    var key: DeploymentKey
    var state: RolloutState?
    /// As last seen in this term of the controller; nil where that has not been: nothing is healthy then.
    var observed: Observation?
    /// Why it cannot be seen any more; nil where it can.
    var blindness: Blindness?
    /// Errors of its manifest: it keeps serving as it does.
    var diagnostics: [Diagnostic] = []
    /// Whose it is; nil where its project is not in the settings any more.
    var project: String? = Project.defaultName
    var invalidSince: Date?
    /// Why the last pass could not do its work.
    var problem: String?
    var problemSince: Date?
    /// Why decisions are not recorded; nil where they are.
    var recordProblem: String?
    var recordProblemSince: Date?
    /// What is in the way is tried again, and may go away by itself.
    var isRetried = false
    /// Without a state: something serves, or may serve, and nobody knows what.
    var isInTheDark = false
    /// Requests that were meant for a revision and that none of its instances could take.
    var unavailable: [Revision: Int] = [:]
    /// Requests whose clients gave up, as last read.
    var abandoned: [Revision: Int] = [:]
    /// What the instances of a revision cost, as last read.
    var costs: [Revision: InstanceCost] = [:]
    /// The commit that the last pass went by.
    var commit: String?
    /// When the controller first saw it; for one without a state.
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

    /// What is wrong and what to do, the most important first; nil where all is well.
    private var trouble: String? { invalidity ?? problem ?? state?.heldBack ?? observed?.problems.first }

    /// What is wrong with its manifest; nil where nothing is.
    var invalidity: String? {
        guard let first = diagnostics.first else { return nil }
        let more = diagnostics.count > 1 ? " (and \(diagnostics.count - 1) more)" : ""
        return "its manifest is invalid, and it is held as it was: \(first)\(more)"
    }

    private func message(_ state: RolloutState, _ health: DeploymentHealth) -> String {
        let before = health.message
        let resting = state.rollout == nil && health.waiting == nil
        let parts = [instanceTrouble(state), trouble, resting ? state.suspension : nil].compactMap(\.self)
            .filter { !before.contains($0) }
        return parts.reduce(before) { text, part in
            (text.hasSuffix(".") ? String(text.dropLast()) : text) + "; \(part)"
        }
    }

    /// Why an instance does not serve, of the revision that is waited for first.
    private func instanceTrouble(_ state: RolloutState) -> String? {
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

    /// Nothing is wrong with it now, and may be.
    private func notes(_ state: RolloutState) -> [Condition] {
        [
            state.settings.template.model.unpinnedAdvice(on: state.target).map {
                Condition(type: "ModelPinned", status: "False", reason: "NoDigest", message: $0)
            },
            state.isSuspended
                ? nil
                : state.settings.unseenPredictions.map {
                    Condition(type: Condition.predictionsJudged, status: "False", reason: "NoGate", message: $0)
                },
        ].compactMap(\.self)
    }

    /// There only while it is.
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
    /// - Returns: nil where no list of steps is followed: in a restore, and on the way back.
    init?(_ rollout: Rollout, _ spec: RolloutSpec) {
        guard rollout.purpose != .restore, rollout.withdrawal == nil else { return nil }
        let marks = spec.marks
        // In a promotion and after it, all steps are done: the last one is shown.
        let index = min(rollout.stepIndex, marks.count - 1)
        self.init(
            index: index, count: marks.count,
            description: (rollout.currentStep(of: spec) ?? marks[index].step).text)
    }
}

extension RolloutState {
    /// What was deployed when, newest first, and how it ended.
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
