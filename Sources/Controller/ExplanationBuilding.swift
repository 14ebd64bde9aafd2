import Analysis
import ControlPorts
import Foundation
import ModelManifests
import Rollouts

extension DeploymentExplanation {
    /// How many events are searched for those of the last rollout.
    static let eventLimit = 500

    /// Builds the explanation from the record and the events. Pure.
    /// - Parameters:
    ///   - events: the deployment's events, newest first.
    ///   - failedRequestIds: those of the candidate, as last read.
    ///   - retryRefusal: why `mlctl retry` would be refused now, beside what the state says.
    init(
        status: DeploymentStatus, state: RolloutState?, events: [StoredEvent], failedRequestIds: [String] = [],
        retryRefusal: String? = nil
    ) {
        let ofRollout = Self.lastRollout(in: events)
        self.init(status: status, events: ofRollout)
        guard let state else { return }
        outlook = status.personCause == .notRecorded ? Outlook.unrecorded : state.outlook(retryRefusal: retryRefusal)
        settings = state.settings.settingsWords
        wanted = RevisionLoad(state.settings.template, replicas: state.settings.replicas)
        stableLoad = state.stable.map { RevisionLoad($0.template, replicas: state.settings.replicas) }
        if let rollout = state.rollout {
            steps = Self.steps(of: rollout, state.settings.rollout)
            self.failedRequestIds = failedRequestIds
            leftOut = Self.leftOut(rollout, stable: state.stable)
        } else if status.phase != .healthy {
            rollback = Self.rollback(in: ofRollout)
            self.failedRequestIds = rollback?.event.failedRequestIds ?? []
        }
        left = state.left
        gates = Self.gates(state, rollback: rollback)
    }

    /// The events of the newest rollout, oldest first.
    private static func lastRollout(in newestFirst: [StoredEvent]) -> [StoredEvent] {
        guard let start = newestFirst.firstIndex(where: { $0.event.kind == .rolloutStarted }) else {
            return newestFirst.reversed()
        }
        return newestFirst[...start].reversed()
    }

    /// The decision to roll back, because it contains the evidence that it was based on.
    private static func rollback(in oldestFirst: [StoredEvent]) -> StoredEvent? {
        oldestFirst.last { $0.event.kind == .rollingBack || $0.event.kind == .aborted }
            ?? oldestFirst.last { $0.event.kind == .rolledBack }
    }

    private static func gates(_ state: RolloutState, rollback: StoredEvent?) -> [GateExplanation] {
        let missed = state.settings.rollout.missedRegressionRate
        if let judgement = state.rollout?.judgement {
            return zip(judgement.evidence, state.gateSummaries).map { evidence, summary in
                GateExplanation(
                    summary: summary, words: evidence.words(missedRegressionRate: judgement.missedRegressionRate),
                    figures: evidence.figures)
            }
        }
        return (rollback?.event.evidence ?? []).map { summary in
            let spec = state.settings.rollout.gates.first { $0.name == summary.name }
            return GateExplanation(
                summary: summary, words: spec?.words(alpha: nil, missedRegressionRate: missed),
                figures: rollback?.event.figures?.first { $0.gate == summary.name })
        }
    }

    private static func leftOut(_ rollout: Rollout, stable: DeployedRevision?) -> [LeftOutRequests]? {
        let counts = rollout.leftOutRequests
        let found = [stable, rollout.candidate].compactMap(\.self).compactMap { deployed in
            counts[deployed.revision].map {
                LeftOutRequests(version: deployed.version, revision: deployed.revision, requests: $0)
            }
        }
        return found.isEmpty ? nil : found
    }

    private static func steps(of rollout: Rollout, _ spec: RolloutSpec) -> [StepExplanation] {
        guard rollout.purpose == .release, rollout.withdrawal == nil else { return [] }
        return spec.marks.enumerated().map { index, mark in
            let place: StepExplanation.Place =
                index < rollout.stepIndex ? .done : index == rollout.stepIndex ? .current : .ahead
            return StepExplanation(description: mark.step.text, place: place)
        }
    }
}

extension RolloutState {
    /// The revision that was left, or is being left, in favour of another one; nil if there is none.
    var left: LeftRevision? {
        if let rollout, rollout.purpose == .restore, let stable {
            return LeftRevision(version: stable.version, revision: stable.revision)
        }
        guard let version = leftVersion else { return nil }
        let revision =
            quarantined.first { $0.version == version }?.revision
            ?? history.first { $0.deployed.version == version }?.deployed.revision
        return LeftRevision(version: version, revision: revision)
    }
}

extension Controller {
    package func explanation(of deployment: DeploymentKey) async throws -> DeploymentExplanation {
        guard let status = status().deployments.first(where: { $0.key == deployment }) else {
            throw Self.notDeployed(deployment)
        }
        await countTraffic(of: deployment)
        let known = known(deployment)
        let events = try await with.trail.events(
            matching: EventFilter(deployment: deployment), limit: DeploymentExplanation.eventLimit)
        var explanation = DeploymentExplanation(
            status: status, state: known?.state, events: events, failedRequestIds: known?.failedRequestIds ?? [],
            retryRefusal: retryRefusal(of: deployment))
        explanation.traffic = known?.traffic.rate
        return explanation
    }

    /// During a rollout each pass counts. At rest nobody needs it but those who ask, so it is counted when they ask again.
    private func countTraffic(of key: DeploymentKey) async {
        guard isAtWork, let entry = entries[key], entry.state != nil, entry.state?.rollout == nil,
            let name = entry.site,
            let metrics = with.sites[name]?.metrics
        else { return }
        // Without an answer there is no number.
        guard
            let readings = try? await bounded(configuration.limits.readings, { try await metrics.readings(for: key) })
        else { return }
        entries[key]?.traffic.note(readings, at: with.now())
    }
}

extension DeploymentStatus {
    var key: DeploymentKey { DeploymentKey(namespace: namespace, name: name) }
}
