import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// One pass over one deployment: observe, decide, write, act.
extension Controller {
    /// What a site did not take for a passing reason is announced again after this.
    static let refusalDelay: Duration = .seconds(2)

    func reconcile(_ key: DeploymentKey) async -> Requeue {
        counts.passes += 1
        meet(key)
        let waiters = entries[key]?.passWaiters ?? []
        entries[key]?.passWaiters = []
        defer { for waiter in waiters { waiter.resume() } }
        guard isAtWork else {
            refusePending(key, followerText)
            return .done
        }
        let place: (name: SiteName, site: Site)?
        do {
            place = try self.place(of: key)
        } catch {
            return await fail(key, error, at: nil)
        }
        guard let place else {
            notDeployed(key)
            return .done
        }
        guard occupyWorker(of: place.name) else { return .after(Self.crowdedSiteDelay) }
        defer { freeWorker(of: place.name) }
        return await reconcile(key, at: place)
    }

    private func reconcile(_ key: DeploymentKey, at place: (name: SiteName, site: Site)) async -> Requeue {
        let begun = term
        do {
            var desired = await self.desired(for: key, at: place.site)
            let answer = try await announce(key, desired, at: place.site)
            if case .refused(let refusal) = answer {
                guard entries[key]?.state != nil else { return await fail(key, refusal, at: nil) }
                // What was accepted last stays in force. Gates, commands and the repair of drift go on.
                desired = .unreadable
                note(problem: refusal.message, for: key)
            }
            var observed = try await place.site.backend.observe(key)
            try check(begun)
            if case .shown(let warning?) = answer { observed.problems.append(warning) }
            entries[key]?.observed = observed
            let outage = await place.site.backend.outage()
            note(reach: outage, of: place.name)
            if outage == nil { entries[key]?.observedAt = with.now() }
            try check(begun)
            let requeue = try await pass(key, at: place, desired: desired, observed: observed)
            return answer.isTransientRefusal ? requeue.noLater(than: Self.refusalDelay) : requeue
        } catch is RecordLost {
            logger.warning("The record is not there any more: written again", metadata: ["deployment": "\(key)"])
            guard leads(begun) else { return isAtWork ? .after(Self.leadershipDelay) : .done }
            entries[key]?.version = nil
            entries[key]?.writtenAt = nil
            return .backoff(.transient)
        } catch let conflict as StateConflict {
            logger.warning("Somebody else decided: reading again", metadata: ["deployment": "\(key)"])
            await reload(key, at: place)
            note(problem: Self.text(of: conflict), for: key)
            return .backoff(.transient)
        } catch {
            guard leads(begun) else {
                refusePending(key, followerText)
                return isAtWork ? .after(Self.leadershipDelay) : .done
            }
            return await fail(key, error, at: place.site)
        }
    }

    private static func text(of conflict: StateConflict) -> String {
        "another controller writes the same record (version \(conflict.found.map(String.init) ?? "none"), where "
            + "\(conflict.expected.map(String.init) ?? "none") was expected). Run one of the two only, or let both take "
            + "turns with --leader-elect"
    }

    /// Says why the pass could not do its work, and comes back.
    private func fail(_ key: DeploymentKey, _ error: any Error, at site: Site?) async -> Requeue {
        counts.failures += 1
        let (text, retry) = Self.explain(error)
        if entries[key]?.problem != text {
            logger.warning("Pass failed", metadata: ["deployment": "\(key)", "error": "\(text)"])
        }
        note(problem: text, for: key)
        refusePending(key, text)
        if let site { await report(key, at: site) }
        if case SiteError.unreachable? = error as? SiteError { return .done }  // Comes back when the site does.
        return .backoff(retry == .terminal ? .waiting : FailureClass(retry))
    }

    /// What git says, to the site, before anything is decided by it. What is held back is not said.
    ///
    /// - Returns: what became of it there.
    private func announce(
        _ key: DeploymentKey, _ desired: Desired, at site: Site
    ) async throws -> AnnouncementAnswer {
        guard let register = site.register else { return .shown(warning: nil) }
        switch desired {
        case .unreadable: return .shown(warning: nil)
        case .removed:
            guard entries[key]?.state != nil else { return .shown(warning: nil) }
            return try await register.withdraw(key)
        case .manifest(_, let commit):
            guard case .manifest(let deployment) = manifests.wish(for: key),
                entries[key]?.state?.target.isSamePlace(as: deployment.target) != false,
                let announcement = Announcement(deployment, commit: commit)
            else { return .shown(warning: nil) }
            return try await register.announce(announcement)
        }
    }

    /// What the site still knows of a record that is lost.
    private func knownQuarantine(of key: DeploymentKey, at site: Site) async -> [Quarantine]? {
        await site.register?.quarantine(of: key)?.map {
            Quarantine(revision: $0.revision, version: $0.version, reason: $0.reason, at: $0.at)
        }
    }

    private func pass(
        _ key: DeploymentKey, at place: (name: SiteName, site: Site), desired: Desired, observed: Observation
    ) async throws -> Requeue {
        let begun = term
        let before = entries[key]?.state
        let readings = before?.rollout == nil ? nil : await self.readings(for: key, from: place.site.metrics)
        keepFailedRequestIds(readings, of: before?.rollout?.candidate.revision, for: key)
        try check(begun)
        let pending = entries[key]?.commands ?? []
        entries[key]?.commands = []
        let findings = entries[key]?.findings ?? []
        entries[key]?.findings = []
        let inputs = DecisionInputs(
            desired: desired, observed: observed, readings: readings, commands: pending.map(\.command),
            findings: findings, unmetDependencies: unmetDependencies(of: desired),
            knownQuarantine: before == nil ? await knownQuarantine(of: key, at: place.site) : nil, now: with.now())
        guard let decision = decide(before, inputs) else {
            for waiting in pending { waiting.reply.resume(throwing: Self.notDeployed(key)) }
            forgetIfGone(key)
            return .done
        }
        do {
            try await write(decision, before: before, key, at: place)
        } catch {
            let (text, _) = Self.explain(error)
            for waiting in pending { waiting.reply.resume(throwing: ControlError(.unavailable, text)) }
            throw error
        }
        answer(pending, decision.refusals)
        // Written is written; but what was decided is for the one to carry out who leads now.
        try check(begun)
        await record(decision, about: before?.rollout, of: key)
        note(decision, before: before, desired, key)
        try check(begun)
        try await place.site.backend.apply(decision.plan)
        if desired != .unreadable { entries[key]?.problem = nil }
        guard decision.state != nil else { return gone(key) }
        await report(key, at: place.site)
        let next = decision.lookAgainAt.map { Duration.seconds(max(0, $0.timeIntervalSince(with.now()))) }
        return .after(next ?? configuration.restingInterval)
    }

    /// What others are told of a decision: those whose questions it asks, and those that wait for the deployment.
    private func note(_ decision: Decision, before: RolloutState?, _ desired: Desired, _ key: DeploymentKey) {
        var isNews = before?.phase != decision.state?.phase
        if case .manifest(_, let commit) = desired, entries[key]?.commit != commit {
            entries[key]?.commit = commit
            isNews = true
        }
        inquire(decision.inquiries, of: key)
        if isNews { wakeDependents(of: key) }
    }

    /// Nothing is left of it. Git may already want it again, perhaps somewhere else.
    private func gone(_ key: DeploymentKey) -> Requeue {
        entries[key]?.state = nil
        entries[key]?.site = nil
        if manifests.wish(for: key) != .removed { return .after(.zero) }
        forgetIfGone(key)
        return .done
    }

    private func readings(for key: DeploymentKey, from metrics: any MetricSource) async -> [Reading]? {
        do {
            return try await metrics.readings(for: key)
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
    private func write(
        _ decision: Decision, before: RolloutState?, _ key: DeploymentKey, at place: (name: SiteName, site: Site)
    ) async throws {
        let begun = term
        guard decision.isWorthWriting(before: before, writtenAt: entries[key]?.writtenAt) else {
            entries[key]?.state = decision.state
            return
        }
        let bytes = try decision.state.map { try JSONEncoder().encode($0) }
        let version = try await place.site.store.swap(
            key, expecting: entries[key]?.version, state: bytes, events: decision.events,
            status: decision.state.map { view(of: key, state: $0).status })
        guard begun == term else { throw LeadershipLost() }
        counts.writes += 1
        entries[key]?.site = place.name
        entries[key]?.state = decision.state
        entries[key]?.version = decision.state == nil ? nil : version
        entries[key]?.writtenAt = decision.state?.decidedAt
        if !decision.events.isEmpty { await tell() }
    }

    /// How it stands, to those who look at the site. Nobody waits for it.
    private func report(_ key: DeploymentKey, at site: Site) async {
        guard let register = site.register, let state = entries[key]?.state else { return }
        do {
            try await register.report(view(of: key, state: state).status, of: key)
        } catch {
            logger.debug("Not reported", metadata: ["deployment": "\(key)", "error": "\(Self.explain(error).text)"])
        }
    }

    /// Events to those who listen and to the notifier. What cannot be told is in the journal.
    private func tell() async {
        guard
            let stored = try? await with.trail.events(
                matching: EventFilter(afterId: lastEventId), limit: EventBroadcast.bufferLimit)
        else { return }
        for event in stored.reversed() where event.id > lastEventId {
            lastEventId = event.id
            // Copies of what another controller told.
            guard event.event.at >= tellsFrom else { continue }
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

    private func notDeployed(_ key: DeploymentKey) {
        for waiting in entries[key]?.commands ?? [] { waiting.reply.resume(throwing: Self.notDeployed(key)) }
        entries[key]?.commands = []
        forgetIfGone(key)
    }

    func refusePending(_ key: DeploymentKey, _ reason: String) {
        for waiting in entries[key]?.commands ?? [] {
            waiting.reply.resume(throwing: ControlError(.unavailable, reason))
        }
        entries[key]?.commands = []
    }

    /// What git wants, with mutable model files pinned to what they hold now.
    private func desired(for key: DeploymentKey, at site: Site) async -> Desired {
        switch manifests.wish(for: key) {
        case .held: return .unreadable
        case .removed: return .removed
        case .manifest(let manifest):
            var deployment = manifest.forDeciding
            let model = deployment.template.model
            if model.storageURI == nil || model.digest != nil {
                return .manifest(deployment, commit: manifests.commit)
            }
            do {
                if let digest = try await pin(model, for: key, at: site) {
                    deployment.template = deployment.template.pinned(to: digest)
                }
                return .manifest(deployment, commit: manifests.commit)
            } catch {
                note(problem: Self.explain(error).text, for: key)
                return .unreadable
            }
        }
    }

    private func pin(_ model: ModelSource, for key: DeploymentKey, at site: Site) async throws -> Digest? {
        if let pin = entries[key]?.pin, pin.model == model, pin.isFresh { return pin.digest }
        let digest = try await site.backend.pin(model)
        entries[key]?.pin = Pin(model: model, digest: digest, isFresh: true)
        return digest
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

extension AnnouncementAnswer {
    var isTransientRefusal: Bool {
        if case .refused(let refusal) = self { refusal.retryClass == .transient } else { false }
    }
}

extension Requeue {
    func noLater(than limit: Duration) -> Requeue {
        if case .after(let delay) = self { .after(min(delay, limit)) } else { self }
    }
}

extension Decision {
    /// While only time passes, it is written down this often: a rollout that loads for an hour is no stream of writes. Who
    /// takes over from a killed controller gives it that much longer, at most.
    static func timekeepingInterval(_ progressDeadline: Duration) -> Duration {
        min(max(progressDeadline / 20, .seconds(10)), .seconds(90))
    }

    /// False where nothing changed but the time: a deployment at rest costs no write.
    /// - Parameter writtenAt: `decidedAt` of the record as it is; nil where there is none.
    func isWorthWriting(before: RolloutState?, writtenAt: Date?) -> Bool {
        guard var before, let state, let writtenAt, events.isEmpty else { return true }
        let interval = Self.timekeepingInterval(state.settings.rollout.progressDeadline)
        let since = Duration.seconds(state.decidedAt.timeIntervalSince(writtenAt))
        if state.rollout != nil, since >= interval { return true }
        before.decidedAt = state.decidedAt
        if let spent = state.rollout?.progressSpent { before.rollout?.progressSpent = spent }
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
