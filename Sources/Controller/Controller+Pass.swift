import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// One pass over one deployment: announce, observe, decide, write, act.
///
/// No step ends the whole pass, and none waits longer than its limit for what is outside: what fails is noted in the status,
/// and the others go on with what is known. Two things end it: somebody else decided (`StateConflict`), and the lead is lost.
extension Controller {
    /// What a site did not take for a passing reason is announced again after this.
    static let refusalDelay: Duration = .seconds(2)

    typealias Place = (name: SiteName, site: Site)

    func reconcile(_ key: DeploymentKey) async -> Requeue {
        counts.passes += 1
        meet(key)
        let waiters = entries[key]?.passWaiters ?? []
        entries[key]?.passWaiters = []
        defer { endWait(of: waiters, key) }
        guard isAtWork else {
            refusePending(key, followerText)
            return .done
        }
        let place: Place?
        do {
            place = try self.place(of: key)
        } catch {
            return hasNoPlace(key, error)
        }
        guard let place else {
            notDeployed(key)
            return .done
        }
        guard occupyWorker(of: place.name, key) else { return .after(Self.crowdedSiteDelay) }
        defer { freeWorker(of: place.name) }
        return await reconcile(key, at: place)
    }

    /// Those who wait for a pass also wait for the model files that it has to know first, as long as that is no trouble.
    private func endWait(of waiters: [CheckedContinuation<Void, Never>], _ key: DeploymentKey) {
        if !waiters.isEmpty, pins.isPinning(key), entries[key]?.troubles[.pinning] == nil {
            entries[key]?.passWaiters += waiters
        } else {
            for waiter in waiters { waiter.resume() }
        }
    }

    func resumePassWaiters(_ key: DeploymentKey) {
        for waiter in entries[key]?.passWaiters ?? [] { waiter.resume() }
        entries[key]?.passWaiters = []
    }

    private func reconcile(_ key: DeploymentKey, at place: Place) async -> Requeue {
        let begun = term
        entries[key]?.failure = nil
        do {
            if entries[key]?.mustReload == true { await reload(key, at: place) }
            if entries[key]?.unreadableRecord != nil, await isStillUnreadable(key, at: place) {
                return holdUnreadable(key)
            }
            try check(begun)
            try await writeWhatIsUnwritten(key, at: place)
            var desired = self.desired(for: key, at: place.site)
            let answer = try await announce(key, desired, at: place.site)
            try check(begun)
            if case .refused(let refusal) = answer {
                entries[key]?.troubles[.announcing] = refusal.message
                guard entries[key]?.state != nil, !refusal.holdsPass else { return isNotTaken(key, refusal) }
                // What was accepted last stays in force. Gates, commands and the repair of drift go on.
                desired = .unreadable
            }
            async let readings = self.readings(for: key, from: place.site.metrics)
            async let seen = self.observe(key, at: place.site)
            var (observed, counters) = (await seen, await readings)
            try check(begun)
            try Task.checkCancellation()
            if case .shown(let warning?) = answer { observed?.problems.append(warning) }
            guard let observed else { return try await passUnseeing(key, at: place, desired) }
            entries[key]?.observed = observed
            let backend = place.site.backend
            let outage = try? await bounded(configuration.limits.observing) { await backend.outage() }
            note(reach: outage ?? nil, of: place.name)
            if outage == .some(nil) { entries[key]?.observedAt = with.now() }
            try check(begun)
            let requeue = try await pass(key, at: place, desired, observed, counters)
            return answer.isTransientRefusal ? requeue.noLater(than: Self.refusalDelay) : requeue
        } catch is RecordLost {
            logger.warning("The record is not there any more: written again", metadata: ["deployment": "\(key)"])
            guard leads(begun) else { return isAtWork ? .after(Self.leadershipDelay) : .done }
            entries[key]?.version = nil
            entries[key]?.writtenAt = nil
            return .backoff(.transient)
        } catch let refusal as AnnouncementRefusal {
            return isNotTaken(key, refusal)
        } catch let conflict as StateConflict {
            logger.warning("Somebody else decided: reading again", metadata: ["deployment": "\(key)"])
            counts.failures += 1
            await reload(key, at: place)
            entries[key]?.troubles[.record] = Self.text(of: conflict)
            return .backoff(.transient)
        } catch {
            // Cancelled, or the lead is lost. What was begun is not carried out.
            guard leads(begun) else {
                refusePending(key, followerText)
                return isAtWork ? .after(Self.leadershipDelay) : .done
            }
            return .after(Self.leadershipDelay)
        }
    }

    private static func text(of conflict: StateConflict) -> String {
        "another controller writes the same record (version \(conflict.found.map(String.init) ?? "none"), where "
            + "\(conflict.expected.map(String.init) ?? "none") was expected). Run one of the two only, or let both take "
            + "turns with --leader-elect"
    }

    /// Says why it cannot be worked on, and comes back.
    private func hasNoPlace(_ key: DeploymentKey, _ error: any Error) -> Requeue {
        counts.failures += 1
        let (text, retry) = Self.explain(error)
        if entries[key]?.troubles[.place] != text {
            logger.warning("Pass failed", metadata: ["deployment": "\(key)", "error": "\(text)"])
        }
        entries[key]?.troubles[.place] = text
        refusePending(key, text)
        if case SiteError.unreachable? = error as? SiteError { return .done }  // Comes back when the site does.
        return .backoff(retry == .terminal ? .waiting : FailureClass(retry))
    }

    /// The site says that nothing may be decided about it here now, and why.
    private func isNotTaken(_ key: DeploymentKey, _ refusal: AnnouncementRefusal) -> Requeue {
        counts.failures += 1
        entries[key]?.troubles[.announcing] = refusal.message
        refusePending(key, refusal.message)
        return .backoff(refusal.retryClass == .terminal ? .waiting : FailureClass(refusal.retryClass))
    }

    // MARK: - Asking

    /// What git says, to the site, before anything is decided by it. What is held back is not said.
    ///
    /// - Returns: what became of it there. Where the site cannot be asked in time, the pass goes on by what git says: the
    ///   record decides.
    private func announce(
        _ key: DeploymentKey, _ desired: Desired, at site: Site
    ) async throws -> AnnouncementAnswer {
        guard let register = site.register else { return .shown(warning: nil) }
        switch desired {
        case .unreadable: return .shown(warning: nil)
        case .removed:
            guard entries[key]?.state != nil else { return .shown(warning: nil) }
            return try await tell(.removed, of: key) { try await register.withdraw(key) }
        case .manifest(_, let commit):
            guard case .manifest(let deployment) = manifests.wish(for: key),
                entries[key]?.state?.target.isSamePlace(as: deployment.target) != false,
                let announcement = Announcement(deployment, commit: commit)
            else { return .shown(warning: nil) }
            return try await tell(.announced(announcement), of: key) { try await register.announce(announcement) }
        }
    }

    /// - Throws: where nothing may be decided now: the record is another, or the deployment is somebody else's.
    private func tell(
        _ what: Announced, of key: DeploymentKey,
        _ operation: @escaping @Sendable () async throws -> AnnouncementAnswer
    ) async throws -> AnnouncementAnswer {
        if let retry = entries[key]?.retries[.announcing], with.now() < retry.notBefore,
            entries[key]?.refusedAnnouncement == what
        {
            return .shown(warning: nil)
        }
        do {
            let answer = try await call(
                .announcing, of: key, within: configuration.limits.announcing, late: { _, _ in }, operation)
            guard case .refused = answer else {
                entries[key]?.troubles[.announcing] = nil
                entries[key]?.retries[.announcing] = nil
                return answer
            }
            // The register itself repeats what was refused more and more seldom.
            return answer
        } catch let error as RetryableError {
            throw AnnouncementRefusal(error.message, retry: error.retryClass)
        } catch let error where error is CancellationError || error is StateConflict || error is RecordLost {
            throw error
        } catch {
            note(Self.explain(error).text, .announcing, of: key)
            entries[key]?.retries[.announcing, default: StepRetry()].failed(at: with.now())
            entries[key]?.failure = Self.explain(error).retry
            entries[key]?.refusedAnnouncement = what
            return .shown(warning: nil)
        }
    }

    /// What the site still knows of a record that is lost.
    private func knownQuarantine(of key: DeploymentKey, at site: Site) async -> [Quarantine]? {
        guard let register = site.register else {
            return try? await bounded(configuration.limits.observing) { await site.store.knownQuarantine(of: key) }
        }
        guard let known = try? await bounded(configuration.limits.announcing, { await register.quarantine(of: key) })
        else { return nil }
        return known.map { Quarantine(revision: $0.revision, version: $0.version, reason: $0.reason, at: $0.at) }
    }

    private func observe(_ key: DeploymentKey, at site: Site) async -> Observation? {
        if let late = entries[key]?.lateObservation {
            entries[key]?.lateObservation = nil
            entries[key]?.troubles[.observing] = nil
            return late
        }
        do {
            return try await step(
                .observing, of: key, within: configuration.limits.observing,
                late: { controller, result in
                    if case .success(let observed) = result { controller.entries[key]?.lateObservation = observed }
                }, { try await site.backend.observe(key) })
        } catch {
            return nil  // Cancelled: the pass sees that next.
        }
    }

    private func readings(for key: DeploymentKey, from metrics: any MetricSource) async -> [Reading]? {
        guard entries[key]?.state?.rollout != nil else {
            entries[key]?.troubles[.readings] = nil
            return nil
        }
        do {
            return try await step(
                .readings, of: key, within: configuration.limits.readings, prefix: "no readings: ",
                { try await metrics.readings(for: key) })
        } catch {
            return nil  // Cancelled: the pass sees that next.
        }
    }

    /// One step that may fail, and be noted.
    ///
    /// - Returns: nil where it failed or took too long.
    /// - Throws: only where the pass has to end.
    private func step<Value: Sendable>(
        _ step: PassStep, of key: DeploymentKey, within limit: Duration, prefix: String = "",
        late: @escaping @Sendable (isolated Controller, Result<Value, any Error>) -> Void = { _, _ in },
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        do {
            let value = try await call(step, of: key, within: limit, late: late, operation)
            entries[key]?.troubles[step] = nil
            entries[key]?.retries[step] = nil
            return value
        } catch let error as CancellationError {
            throw error
        } catch let conflict as StateConflict {
            throw conflict
        } catch {
            note(prefix + Self.explain(error).text, step, of: key)
            entries[key]?.retries[step, default: StepRetry()].failed(at: with.now())
            entries[key]?.failure = Self.explain(error).retry
            return nil
        }
    }

    private func note(_ text: String, _ step: PassStep, of key: DeploymentKey) {
        if entries[key]?.troubles[step] != text, entries[key]?.retries[step] == nil {
            logger.warning(
                "A step of a pass failed", metadata: ["deployment": "\(key)", "step": "\(step)", "error": "\(text)"])
        }
        entries[key]?.troubles[step] = text
    }

    // MARK: - Deciding

    private func pass(
        _ key: DeploymentKey, at place: Place, _ desired: Desired, _ observed: Observation, _ readings: [Reading]?
    ) async throws -> Requeue {
        let begun = term
        let before = entries[key]?.state
        keepFailedRequestIds(readings, of: before?.judgedRevision, for: key)
        if let readings {
            entries[key]?.unavailable = readings.unavailable
            entries[key]?.abandoned = readings.abandoned
        }
        let (pending, findings) = takeInputs(key)
        let inputs = DecisionInputs(
            desired: desired, observed: observed, readings: before?.rollout == nil ? nil : readings,
            commands: pending.map(\.command), findings: findings,
            unmetDependencies: unmetDependencies(of: desired),
            knownQuarantine: before == nil ? await knownQuarantine(of: key, at: place.site) : nil, now: with.now())
        guard let decision = decide(before, inputs) else {
            for waiting in pending { waiting.reply.resume(throwing: notThere(key)) }
            return await nothingToDecide(key, at: place)
        }
        let planBefore = entries[key]?.plan ?? observed.plan ?? planInForce(before, observed)
        let recorded: Recorded
        do {
            recorded = try await record(decision, before: before, planBefore: planBefore, key, at: place)
        } catch let error where error is StateConflict || error is RecordLost {
            // Decided on what was not so any more: commands are for the pass that has read it again.
            entries[key]?.commands.insert(contentsOf: pending, at: 0)
            entries[key]?.findings.insert(contentsOf: findings, at: 0)
            throw error
        } catch {
            let (text, _) = Self.explain(error)
            for waiting in pending { waiting.reply.resume(throwing: ControlError(.unavailable, text)) }
            throw error
        }
        if case .held(let text) = recorded {
            refuse(pending, decision.refusals, otherwise: text)
            entries[key]?.findings.insert(contentsOf: findings, at: 0)
            // What was decided before still holds, but for traffic that a candidate is to lose.
            if let planBefore, before != nil {
                let safePart = before?.judgedRevision.flatMap { planBefore.withdrawing($0, as: decision.plan) }
                await carryOut(safePart ?? planBefore, key, at: place)
            }
            return requeue(key, decision: decision)
        }
        answer(pending, decision.refusals)
        // Written is written; but what was decided is for the one to carry out who leads now.
        try check(begun)
        self.record(decision, about: before?.rollout, of: key)
        note(decision, before: before, desired, key)
        await carryOut(decision.plan, key, at: place)
        try check(begun)
        if desired != .unreadable { entries[key]?.troubles[.place] = nil }
        guard decision.state != nil else { return left(key) }
        if place.site.register != nil { reporter.add(key) }
        return requeue(key, decision: decision)
    }

    private func takeInputs(_ key: DeploymentKey) -> (pending: [PendingCommand], findings: [Finding]) {
        defer {
            entries[key]?.commands = []
            entries[key]?.findings = []
        }
        return (entries[key]?.commands ?? [], entries[key]?.findings ?? [])
    }

    /// What serves cannot be seen, which does not mean that it is gone: nothing is decided that depends on it. Only a command
    /// that takes traffic away from a candidate is carried out, by what was seen last.
    private func passUnseeing(_ key: DeploymentKey, at place: Place, _ desired: Desired) async throws -> Requeue {
        let text =
            (entries[key]?.troubles[.observing] ?? "it cannot be seen what serves")
            + ". Until that can be seen nothing is decided"
        guard let before = entries[key]?.state, let seen = entries[key]?.observed,
            entries[key]?.commands.isEmpty == false,
            let planBefore = entries[key]?.plan ?? seen.plan ?? planInForce(before, seen),
            let candidate = before.judgedRevision
        else {
            refusePending(key, text)
            return requeue(key, decision: nil)
        }
        let (pending, findings) = takeInputs(key)
        entries[key]?.findings = findings  // For when it can be seen.
        let inputs = DecisionInputs(
            desired: .unreadable, observed: seen, commands: pending.map(\.command), now: with.now())
        guard let decision = decide(before, inputs), decision.plan.isRetreat(from: planBefore, of: candidate) else {
            refuse(pending, decide(before, inputs)?.refusals ?? [], otherwise: text)
            return requeue(key, decision: nil)
        }
        let begun = term
        do {
            _ = try await record(decision, before: before, planBefore: planBefore, key, at: place)
        } catch {
            refuse(pending, [], otherwise: Self.explain(error).text)
            throw error
        }
        answer(pending, decision.refusals)
        try check(begun)
        note(decision, before: before, .unreadable, key)
        await carryOut(decision.plan, key, at: place)
        return requeue(key, decision: decision)
    }

    /// What is to be served as long as nothing is decided: a controller that has just started knows no other plan.
    private func planInForce(_ state: RolloutState?, _ observed: Observation) -> ServingPlan? {
        guard let state else { return nil }
        return decide(state, DecisionInputs(desired: .unreadable, observed: observed, now: state.decidedAt))?.plan
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

    // MARK: - Acting

    /// Tells the backend what to serve. Where that takes long, it goes on beside the passes, and what is decided next takes
    /// its place.
    private func carryOut(_ plan: ServingPlan, _ key: DeploymentKey, at place: Place) async {
        let isAnother = entries[key]?.plan != plan
        if !isAnother, entries[key]?.isAppliedLate == true {
            entries[key]?.isAppliedLate = false
            return
        }
        if !isAnother, let retry = entries[key]?.retries[.applying], with.now() < retry.notBefore { return }
        let limit = configuration.limits.applying
        if openCalls[OpenCall.Key(deployment: key, step: .applying)] != nil, isAnother {
            guard await giveUp(.applying, of: key, within: limit) else {
                note("the backend is still at what was decided before", .applying, of: key)
                return
            }
        }
        entries[key]?.plan = plan
        entries[key]?.isAppliedLate = false
        _ = try? await step(
            .applying, of: key, within: limit,
            late: { controller, result in
                guard case .success = result, controller.entries[key]?.plan == plan else { return }
                controller.entries[key]?.isAppliedLate = true
                controller.entries[key]?.troubles[.applying] = nil
                controller.entries[key]?.retries[.applying] = nil
            }, { try await place.site.backend.apply(plan) })  // Cancelled: the pass sees that next.
    }

    /// There is neither a record nor a manifest that can be read.
    private func nothingToDecide(_ key: DeploymentKey, at place: Place) async -> Requeue {
        if let plan = entries[key]?.plan, plan.revisions.isEmpty {
            await carryOut(plan, key, at: place)
            return left(key)
        }
        forgetIfGone(key)
        return entries[key]?.retries[.pinning] == nil ? .done : requeue(key, decision: nil)
    }

    /// Nothing is left of it, once the backend has taken down the rest. Git may already want it again, perhaps somewhere else.
    private func left(_ key: DeploymentKey) -> Requeue {
        guard entries[key]?.troubles[.applying] == nil else { return requeue(key, decision: nil) }
        entries[key]?.site = nil
        entries[key]?.plan = nil
        if manifests.wish(for: key) != .removed { return .after(.zero) }
        forgetIfGone(key)
        return .done
    }

    /// When the next pass comes, where nothing makes it come sooner.
    private func requeue(_ key: DeploymentKey, decision: Decision?) -> Requeue {
        let now = with.now()
        guard let entry = entries[key] else { return .done }
        let failed = entry.troubles.failed
        if failed { counts.failures += 1 }
        let revisions = entry.plan?.revisions ?? []
        let isJudged = revisions.count { $0.weight > 0 || $0.mirror > 0 } > 1 || entry.state?.phase == .rollingBack
        let urgency: Urgency = isJudged ? .judging : revisions.count > 1 ? .changing : .routine
        var delay = decision?.lookAgainAt.map { Duration.seconds(max(0, $0.timeIntervalSince(now))) }
        if failed, delay == nil {
            let retry = entry.failure ?? .transient
            return .backoff(retry == .terminal ? .waiting : FailureClass(retry))
        }
        if let retry = entry.retries[.pinning] {
            let wait = Duration.seconds(max(0.1, retry.notBefore.timeIntervalSince(now)))
            delay = min(delay ?? configuration.restingInterval, wait)
        }
        return .after(delay ?? configuration.restingInterval, urgency)
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

    // MARK: - Answering

    private func answer(_ pending: [PendingCommand], _ refusals: [Decision.Refusal]) {
        refuse(pending, refusals, otherwise: nil)
    }

    /// - Parameter otherwise: why those that were not refused are not carried out either; nil where they are.
    private func refuse(_ pending: [PendingCommand], _ refusals: [Decision.Refusal], otherwise: String?) {
        var refusals = refusals
        for waiting in pending {
            if let index = refusals.firstIndex(where: { $0.command == waiting.command }) {
                waiting.reply.resume(throwing: ControlError(.conflict, refusals.remove(at: index).reason))
            } else if let otherwise {
                waiting.reply.resume(throwing: ControlError(.unavailable, otherwise))
            } else {
                waiting.reply.resume()
            }
        }
    }

    private func notDeployed(_ key: DeploymentKey) {
        for waiting in entries[key]?.commands ?? [] { waiting.reply.resume(throwing: notThere(key)) }
        entries[key]?.commands = []
        forgetIfGone(key)
    }

    func refusePending(_ key: DeploymentKey, _ reason: String) {
        for waiting in entries[key]?.commands ?? [] {
            waiting.reply.resume(throwing: ControlError(.unavailable, reason))
        }
        entries[key]?.commands = []
    }

    private func forgetIfGone(_ key: DeploymentKey) {
        guard manifests.wish(for: key) == .removed, entries[key]?.state == nil, entries[key]?.unreadableRecord == nil
        else { return }
        if entries[key]?.commands.isEmpty == true, entries[key]?.passWaiters.isEmpty == true { entries[key] = nil }
    }
}

extension Requeue {
    fileprivate func noLater(than limit: Duration) -> Requeue {
        if case .after(let delay, let urgency) = self { .after(min(delay, limit), urgency) } else { self }
    }
}
