import Foundation
import ModelManifests
import Rollouts
import Serving

/// What is known about one deployment, put into the words of the status. Pure.
struct DeploymentView {
    var key: DeploymentKey
    var state: RolloutState?
    var observed: Observation?
    /// Errors of its manifest: it keeps serving as it does.
    var diagnostics: [Diagnostic] = []
    /// Why the last pass could not do its work.
    var problem: String?
    /// The commit that the last pass went by.
    var commit: String?
    /// When the controller first saw it; for one without a state.
    var firstSeenAt: Date

    var status: DeploymentStatus {
        guard let state else { return withoutState }
        return DeploymentStatus(
            namespace: key.namespace, name: key.name, phase: state.phase, since: state.since, message: message(state),
            waitingFor: state.waitingFor, deadlineAt: state.deadlineAt, endpoint: observed?.endpoint,
            preview: observed?.preview,
            desired: DesiredStatus(
                revision: state.settings.template.revision, version: state.settings.template.model.version,
                commit: commit ?? state.commit),
            stable: state.stable.map { revisionStatus($0, weight: stableWeight(state), state) },
            candidate: state.rollout.map { revisionStatus($0.candidate, weight: $0.weight, state) },
            step: state.rollout.flatMap { stepStatus($0, state.settings.rollout) },
            gates: state.rollout?.gateSummaries ?? [],
            quarantined: state.quarantined.map {
                QuarantineStatus(revision: $0.revision, version: $0.version, reason: $0.reason, at: $0.at)
            },
            conditions: conditions(state))
    }

    private var withoutState: DeploymentStatus {
        let reason = trouble ?? "waiting for the first pass"
        return DeploymentStatus(
            namespace: key.namespace, name: key.name, phase: .idle, since: firstSeenAt, message: reason,
            conditions: [
                Condition(type: "Ready", status: "False", reason: "NotDeployed", message: reason),
                Condition(
                    type: "Stalled", status: trouble == nil ? "False" : "True",
                    reason: diagnostics.isEmpty ? "Waiting" : "InvalidManifest", message: reason),
            ])
    }

    /// What is wrong and what to do, the most important first; nil where all is well.
    private var trouble: String? {
        if let first = diagnostics.first {
            let more = diagnostics.count > 1 ? " (and \(diagnostics.count - 1) more)" : ""
            return "its manifest is invalid, and it is held as it was: \(first)\(more)"
        }
        return problem ?? state?.heldBack ?? observed?.problems.first
    }

    private func message(_ state: RolloutState) -> String {
        let parts = [instanceTrouble(state), trouble].compactMap(\.self).filter { !state.message.contains($0) }
        return parts.reduce(state.message) { text, part in
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
        RevisionStatus(
            revision: deployed.revision, version: deployed.version,
            weight: observed?.weights?[deployed.revision] ?? weight, replicas: state.settings.replicas,
            ready: observed?.ready(deployed.revision) ?? 0)
    }

    private func stepStatus(_ rollout: Rollout, _ spec: RolloutSpec) -> StepStatus? {
        guard rollout.purpose != .restore, !spec.steps.isEmpty else { return nil }
        let index = min(rollout.stepIndex, spec.steps.count - 1)
        return StepStatus(index: index, count: spec.steps.count, description: spec.steps[index].text)
    }

    private func conditions(_ state: RolloutState) -> [Condition] {
        let isReconciling = state.rollout != nil || state.isRemoved
        let ready = state.stable.map { observed?.ready($0.revision) ?? 0 } ?? 0
        let isServing = state.stable != nil && ready >= state.settings.replicas
        let isReady = state.phase == .healthy && isServing && trouble == nil
        let isStalled =
            state.phase == .failed || state.phase == .rolledBack || !diagnostics.isEmpty
            || state.heldBack != nil
        let text = message(state)
        func condition(_ type: String, _ value: Bool, _ reason: String) -> Condition {
            Condition(type: type, status: value ? "True" : "False", reason: reason, message: text)
        }
        return [
            condition(
                "Ready", isReady, isReady ? "Healthy" : state.phase == .healthy ? "Degraded" : state.phase.rawValue),
            condition("Reconciling", isReconciling, state.phase.rawValue),
            condition("Stalled", isStalled, stallReason(state)),
        ] + pinning(state)
    }

    /// Nothing is wrong with it now, and may be.
    private func pinning(_ state: RolloutState) -> [Condition] {
        guard let advice = state.settings.template.model.unpinnedAdvice(on: state.target) else { return [] }
        return [Condition(type: "ModelPinned", status: "False", reason: "NoDigest", message: advice)]
    }
}

extension DeploymentView {
    private func stallReason(_ state: RolloutState) -> String {
        if !diagnostics.isEmpty { return "InvalidManifest" }
        return state.heldBack == nil ? state.phase.rawValue : "AnotherTarget"
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
