import ControlPorts
import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// The second half of a pass: decides, records the decision, carries it out and answers commands.
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
            entries[key]?.traffic.note(readings, at: with.now())
        }
        let (pending, findings) = takeInputs(key)
        let inputs = DecisionInputs(
            desired: desired, observed: observed, readings: before?.rollout == nil ? nil : readings,
            commands: pending.map(\.command), findings: findings,
            unmetDependencies: unmetDependencies(of: desired),
            knownQuarantine: before == nil ? await knownQuarantine(of: key, at: place.site) : nil,
            forbidden: before.flatMap { forbidden(key, $0, desired, isCommanded: !pending.isEmpty) },
            notFollowed: desired == .unreadable ? reasonNotFollowed(key) : nil, now: with.now())
        guard let decision = decide(before, inputs) else {
            for waiting in pending { waiting.reply.resume(throwing: notThere(key)) }
            return await nothingToDecide(key, at: place)
        }
        let planBefore = entries[key]?.plan ?? observed.plan ?? planInForce(before, observed)
        let recorded: Recorded
        do {
            recorded = try await record(decision, before: before, planBefore: planBefore, key, at: place)
        } catch let error where error is StateConflict || error is RecordLost {
            // The decision was based on outdated state. The commands stay for the pass that has read the new state.
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
            // The previous decision stays in force, except that traffic is taken away from the candidate if this decision does
            // so.
            if let planBefore, let before {
                keep(before.mergingAvailability(decision.state), of: key)
                let safePart = before.judgedRevision.flatMap { planBefore.withdrawing($0, as: decision.plan) }
                await carryOut(safePart ?? planBefore, key, at: place)
            }
            return requeue(key, decision: decision)
        }
        answer(pending, decision.refusals)
        // The record is written, but only a controller that still leads may carry the decision out.
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

    /// What serves cannot be observed, which does not mean that it is gone. Nothing is decided that depends on it. Only a command
    /// that takes traffic away from a candidate is carried out, based on the last observation.
    func passWithoutObservation(_ key: DeploymentKey, at place: Place, _ desired: Desired) async throws -> Requeue {
        let text =
            (entries[key]?.troubles[.observing] ?? "what serves cannot be observed")
            + ". Until it can be observed, nothing is decided"
        guard let before = entries[key]?.state, let seen = entries[key]?.observed,
            entries[key]?.commands.isEmpty == false,
            let planBefore = entries[key]?.plan ?? seen.plan ?? planInForce(before, seen),
            before.judgedRevision != nil
        else {
            refusePending(key, text)
            return requeue(key, decision: nil)
        }
        let (pending, findings) = takeInputs(key)
        entries[key]?.findings = findings  // Kept for the pass that can observe again.
        let inputs = DecisionInputs(
            desired: .unreadable, observed: seen, commands: pending.map(\.command), now: with.now())
        guard let decision = decide(before, inputs), decision.isWithdrawal(since: before, from: planBefore) else {
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

    /// The plan that applies as long as nothing is decided. A controller that has just started computes it from the state.
    private func planInForce(_ state: RolloutState?, _ observed: Observation) -> ServingPlan? {
        guard let state else { return nil }
        return decide(state, DecisionInputs(desired: .unreadable, observed: observed, now: state.decidedAt))?.plan
    }

    /// Passes a decision on: starts its inquiries, and wakes the deployments that depend on this one.
    private func note(
        _ decision: Decision, before: RolloutState?, _ desired: Desired, _ key: DeploymentKey, at place: Place
    ) {
        var isNews = before?.phase != decision.state?.phase
        if let commit = desired.commit, entries[key]?.commit != commit {
            entries[key]?.commit = commit
            isNews = true
        }
        inquire(decision.inquiries, of: key, at: place)
        if isNews {
            wakeDependents(of: key)
            reviewRevert(of: key)
        }
    }

    // MARK: - Answering

    func answer(_ pending: [PendingCommand], _ refusals: [Decision.Refusal]) {
        refuse(pending, refusals, otherwise: nil)
    }

    /// - Parameter otherwise: the refusal for commands that `decide` did not refuse; nil if they are carried out.
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
        if manifests.wish(for: key) == .removed || !manifests.isMentioned(key) { stopPinning(key) }
        forgetIfGone(key)
    }

    func refusePending(_ key: DeploymentKey, _ reason: String) {
        for waiting in entries[key]?.commands ?? [] {
            waiting.reply.resume(throwing: ControlError(.unavailable, reason))
        }
        entries[key]?.commands = []
    }

    func forgetIfGone(_ key: DeploymentKey) {
        // A project that was not read yet may want it too. It is then met again: so far, nothing is known of it.
        guard manifests.wish(for: key) == .removed || !manifests.isMentioned(key) && entries[key]?.site == nil,
            entries[key]?.state == nil, entries[key]?.unreadableRecord == nil
        else { return }
        if entries[key]?.commands.isEmpty == true, entries[key]?.passWaiters.isEmpty == true { entries[key] = nil }
        let handedOver = manifests.release(
            key, holders: portHolders, inUse: { self.demand(of: $0) }, wanted: { self.demand(toServe: $0) })
        for key in handedOver { runner.add(.deployment(key)) }
    }
}
