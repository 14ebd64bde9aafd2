import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// One pass over one deployment: observe, decide, write, act.
extension Controller {
    func reconcile(_ key: DeploymentKey) async -> Requeue {
        counts.passes += 1
        if entries[key] == nil { entries[key] = Entry(firstSeenAt: with.now()) }
        let waiters = entries[key]?.passWaiters ?? []
        entries[key]?.passWaiters = []
        defer { for waiter in waiters { waiter.resume() } }
        do {
            let desired = await self.desired(for: key)
            let observed = try await with.backend.observe(key)
            entries[key]?.observed = observed
            let requeue = try await pass(key, desired: desired, observed: observed)
            return requeue
        } catch let conflict as StateConflict {
            logger.warning("Somebody else decided: reading again", metadata: ["deployment": "\(key)"])
            await reload(key)
            note(problem: "another controller writes to the same state: \(conflict)", for: key)
            return .backoff(.transient)
        } catch {
            counts.failures += 1
            let (text, retry) = Self.explain(error)
            note(problem: text, for: key)
            logger.warning("Pass failed", metadata: ["deployment": "\(key)", "error": "\(text)"])
            refusePending(key, text)
            return .backoff(retry == .terminal ? .waiting : FailureClass(retry))
        }
    }

    private func pass(_ key: DeploymentKey, desired: Desired, observed: Observation) async throws -> Requeue {
        let before = entries[key]?.state
        let readings = before?.rollout == nil ? nil : await self.readings(for: key)
        keepFailedRequestIds(readings, of: before?.rollout?.candidate.revision, for: key)
        let pending = entries[key]?.commands ?? []
        entries[key]?.commands = []
        let findings = entries[key]?.findings ?? []
        entries[key]?.findings = []
        let inputs = DecisionInputs(
            desired: desired, observed: observed, readings: readings, commands: pending.map(\.command),
            findings: findings, unmetDependencies: unmetDependencies(of: desired), now: with.now())
        guard let decision = decide(before, inputs) else {
            for waiting in pending { waiting.reply.resume(throwing: Self.notDeployed(key)) }
            forgetIfGone(key)
            return .done
        }
        do {
            try await write(decision, before: before, key)
        } catch {
            let (text, _) = Self.explain(error)
            for waiting in pending { waiting.reply.resume(throwing: ControlError(.unavailable, text)) }
            throw error
        }
        await record(decision, about: before?.rollout, of: key)
        answer(pending, decision.refusals)
        var isNews = before?.phase != decision.state?.phase
        if case .manifest(_, let commit) = desired, entries[key]?.commit != commit {
            entries[key]?.commit = commit
            isNews = true
        }
        inquire(decision.inquiries, of: key)
        if isNews { wakeDependents(of: key) }
        try await with.backend.apply(decision.plan)
        if desired != .unreadable { entries[key]?.problem = nil }
        guard decision.state != nil else {
            entries[key]?.state = nil
            forgetIfGone(key)
            return .done
        }
        let next = decision.lookAgainAt.map { Duration.seconds(max(0, $0.timeIntervalSince(with.now()))) }
        return .after(next ?? configuration.restingInterval)
    }

    private func readings(for key: DeploymentKey) async -> [Reading]? {
        do {
            return try await with.metrics.readings(for: key)
        } catch {
            note(problem: "no readings: \(Self.explain(error).text)", for: key)
            return nil
        }
    }

    /// Readings that could not be had leave what was last known.
    private func keepFailedRequestIds(_ readings: [Reading]?, of candidate: Revision?, for key: DeploymentKey) {
        guard let candidate else {
            entries[key]?.failedRequestIds = []
            return
        }
        guard let readings else { return }
        entries[key]?.failedRequestIds = readings.failedRequestIds(
            of: candidate, limit: RolloutEvent.failedRequestLimit)
    }

    /// State and events as one record, before anything is done. At rest, where nothing changed, nothing is written.
    private func write(_ decision: Decision, before: RolloutState?, _ key: DeploymentKey) async throws {
        guard decision.isWorthWriting(before: before) else { return }
        let bytes = try decision.state.map { try JSONEncoder().encode($0) }
        let version = try await with.store.swap(
            key, expecting: entries[key]?.version, state: bytes, events: decision.events)
        counts.writes += 1
        entries[key]?.state = decision.state
        entries[key]?.version = decision.state == nil ? nil : version
        if !decision.events.isEmpty { await tell() }
    }

    /// Events to those who listen and to the notifier. What cannot be told is in the journal.
    private func tell() async {
        guard
            let stored = try? await with.store.events(
                matching: EventFilter(afterId: lastEventId), limit: EventBroadcast.bufferLimit)
        else { return }
        for event in stored.reversed() where event.id > lastEventId {
            lastEventId = event.id
            counts.events[event.event.kind, default: 0] += 1
            logger.info(
                "Event",
                metadata: [
                    "deployment": "\(event.deployment)", "kind": "\(event.event.kind.rawValue)",
                    "message": "\(event.event.message)",
                ])
            broadcast.send(event)
            guard let notifier = with.notifier, let kind = Notice.Kind(event.event.kind) else { continue }
            do {
                try await notifier.notify(Notice(kind: kind, deployment: event.deployment, event: event))
            } catch {
                logger.warning("Notification failed", metadata: ["error": "\(Self.explain(error).text)"])
            }
        }
    }

    private func answer(_ pending: [PendingCommand], _ refusals: [Decision.Refusal]) {
        var refusals = refusals
        for waiting in pending {
            if let index = refusals.firstIndex(where: { $0.command == waiting.command }) {
                waiting.reply.resume(throwing: ControlError(.conflict, refusals.remove(at: index).reason))
            } else {
                waiting.reply.resume()
            }
        }
    }

    private func refusePending(_ key: DeploymentKey, _ reason: String) {
        for waiting in entries[key]?.commands ?? [] {
            waiting.reply.resume(throwing: ControlError(.unavailable, reason))
        }
        entries[key]?.commands = []
    }

    /// What git wants, with mutable model files pinned to what they hold now.
    private func desired(for key: DeploymentKey) async -> Desired {
        switch manifests.wish(for: key) {
        case .held: return .unreadable
        case .removed: return .removed
        case .manifest(var deployment):
            let model = deployment.template.model
            if model.storageURI == nil || model.digest != nil {
                return .manifest(deployment, commit: manifests.commit)
            }
            do {
                if let digest = try await pin(model, for: key) {
                    deployment.template = deployment.template.pinned(to: digest)
                }
                return .manifest(deployment, commit: manifests.commit)
            } catch {
                note(problem: Self.explain(error).text, for: key)
                return .unreadable
            }
        }
    }

    private func pin(_ model: ModelSource, for key: DeploymentKey) async throws -> Digest? {
        if let pin = entries[key]?.pin, pin.model == model, pin.isFresh { return pin.digest }
        let digest = try await with.backend.pin(model)
        entries[key]?.pin = Pin(model: model, digest: digest, isFresh: true)
        return digest
    }

    private func reload(_ key: DeploymentKey) async {
        guard let record = try? await with.store.record(for: key),
            let state = try? JSONDecoder().decode(RolloutState.self, from: record.state)
        else { return }
        entries[key]?.state = state
        entries[key]?.version = record.version
    }

    private func note(problem: String, for key: DeploymentKey) { entries[key]?.problem = problem }

    private func forgetIfGone(_ key: DeploymentKey) {
        guard manifests.wish(for: key) == .removed, entries[key]?.state == nil else { return }
        if entries[key]?.commands.isEmpty == true, entries[key]?.passWaiters.isEmpty == true { entries[key] = nil }
    }

    static func notDeployed(_ key: DeploymentKey) -> ControlError {
        ControlError(.notFound, "no deployment \(key): 'mlctl status' lists those there are")
    }
}

extension Decision {
    /// False where nothing changed but the time: a deployment at rest costs no write.
    func isWorthWriting(before: RolloutState?) -> Bool {
        guard var before, let state, events.isEmpty, state.rollout == nil else { return true }
        before.decidedAt = state.decidedAt
        return before != state
    }
}

extension Notice.Kind {
    init?(_ kind: RolloutEvent.Kind) {
        switch kind {
        case .promoted: self = .promoted
        case .rolledBack: self = .rolledBack
        case .stuck, .failed: self = .stuck
        default: return nil
        }
    }
}
