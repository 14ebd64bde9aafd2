import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// From what was seen to a decision that is recorded, carried out and answered.
extension Controller {
    func pass(
        _ key: DeploymentKey, at place: Place, _ desired: Desired, _ observed: Observation, _ readings: [Reading]?
    ) async throws -> Requeue {
        let begun = term
        let before = entries[key]?.state
        keepFailedRequestIds(readings, of: before?.judgedRevision, for: key)
        if let readings {
            entries[key]?.unavailable = readings.unavailable
            entries[key]?.abandoned = readings.abandoned
            entries[key]?.costs = readings.costs
        }
        let (pending, findings) = takeInputs(key)
        let inputs = DecisionInputs(
            desired: desired, observed: observed, readings: before?.rollout == nil ? nil : readings,
            commands: pending.map(\.command), findings: findings,
            unmetDependencies: unmetDependencies(of: desired),
            knownQuarantine: before == nil ? await knownQuarantine(of: key, at: place.site) : nil,
            forbidden: before.flatMap { forbidden(key, $0, desired, isCommanded: !pending.isEmpty) }, now: with.now())
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
            if let planBefore, let before {
                keep(before.noting(decision.state), of: key)
                let safePart = before.judgedRevision.flatMap { planBefore.withdrawing($0, as: decision.plan) }
                await carryOut(safePart ?? planBefore, key, at: place)
            }
            return requeue(key, decision: decision)
        }
        answer(pending, decision.refusals)
        // Written is written; but what was decided is for the one to carry out who leads now.
        try check(begun)
        self.record(decision, about: before?.rollout, of: key)
        note(decision, before: before, desired, key, at: place)
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
    func passUnseeing(_ key: DeploymentKey, at place: Place, _ desired: Desired) async throws -> Requeue {
        let text =
            (entries[key]?.troubles[.observing] ?? "it cannot be seen what serves")
            + ". Until that can be seen nothing is decided"
        guard let before = entries[key]?.state, let seen = entries[key]?.observed,
            entries[key]?.commands.isEmpty == false,
            let planBefore = entries[key]?.plan ?? seen.plan ?? planInForce(before, seen),
            before.judgedRevision != nil
        else {
            refusePending(key, text)
            return requeue(key, decision: nil)
        }
        let (pending, findings) = takeInputs(key)
        entries[key]?.findings = findings  // For when it can be seen.
        let inputs = DecisionInputs(
            desired: .unreadable, observed: seen, commands: pending.map(\.command), now: with.now())
        guard let decision = decide(before, inputs), decision.isRetreat(since: before, from: planBefore) else {
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
        note(decision, before: before, .unreadable, key, at: place)
        await carryOut(decision.plan, key, at: place)
        return requeue(key, decision: decision)
    }

    /// What is to be served as long as nothing is decided: a controller that has just started knows no other plan.
    private func planInForce(_ state: RolloutState?, _ observed: Observation) -> ServingPlan? {
        guard let state else { return nil }
        return decide(state, DecisionInputs(desired: .unreadable, observed: observed, now: state.decidedAt))?.plan
    }

    /// What others are told of a decision: those whose questions it asks, and those that wait for the deployment.
    private func note(
        _ decision: Decision, before: RolloutState?, _ desired: Desired, _ key: DeploymentKey, at place: Place
    ) {
        var isNews = before?.phase != decision.state?.phase
        if case .manifest(_, let commit) = desired, entries[key]?.commit != commit {
            entries[key]?.commit = commit
            isNews = true
        }
        inquire(decision.inquiries, of: key, at: place)
        if isNews { wakeDependents(of: key) }
    }

    // MARK: - Answering

    func answer(_ pending: [PendingCommand], _ refusals: [Decision.Refusal]) {
        refuse(pending, refusals, otherwise: nil)
    }

    /// - Parameter otherwise: why those that were not refused are not carried out either; nil where they are.
    func refuse(_ pending: [PendingCommand], _ refusals: [Decision.Refusal], otherwise: String?) {
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

    func notDeployed(_ key: DeploymentKey) {
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

    func forgetIfGone(_ key: DeploymentKey) {
        guard manifests.wish(for: key) == .removed, entries[key]?.state == nil, entries[key]?.unreadableRecord == nil
        else { return }
        if entries[key]?.commands.isEmpty == true, entries[key]?.passWaiters.isEmpty == true { entries[key] = nil }
        let handedOver = manifests.release(
            key, holders: portHolders, inUse: { self.demand(of: $0) }, wanted: { self.demand(toServe: $0) })
        for key in handedOver { runner.add(.deployment(key)) }
    }
}
