import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving

/// The result of recording a decision.
enum Recorded {
    /// Recorded, or there was nothing that must be recorded.
    case done
    /// It could not be recorded, for this reason, and is carried out anyway.
    case carriedOutFirst(String)
    /// It could not be recorded, for this reason, and is not carried out.
    case held(String)
}

/// A decision is recorded before it is carried out. There is one exception: a decision that only takes traffic away from a
/// candidate is carried out even if it cannot be recorded, and is recorded as soon as possible.
extension Controller {
    /// Writes state and events as one record, before anything is carried out. A state without news is not written.
    ///
    /// - Parameter planBefore: the previous plan of the backend; nil if it is unknown.
    func record(
        _ decision: Decision, before: RolloutState?, planBefore: ServingPlan?, _ key: DeploymentKey, at place: Place
    ) async throws -> Recorded {
        let news = decision.events.isEmpty ? Self.news(of: decision, since: before) : .decision
        if entries[key]?.unwritten != nil {
            // An earlier decision could not be written a moment ago.
            let text = entries[key]?.troubles[.record] ?? Self.notRecorded("the state store refuses")
            return await applyOrHold(decision, news, before: before, planBefore: planBefore, key, at: place, text)
        }
        guard isDue(news, decision, key) else {
            keep(decision.state, of: key)
            entries[key]?.troubles[.record] = nil
            return .done
        }
        do {
            try await write(decision.state, events: decision.events, of: key, at: place)
            return .done
        } catch let error where Self.endsPass(error) {
            throw error
        } catch {
            let text = Self.notRecorded(Self.explain(error).text)
            entries[key]?.troubles[.record] = text
            return await applyOrHold(decision, news, before: before, planBefore: planBefore, key, at: place, text)
        }
    }

    private static func news(of decision: Decision, since before: RolloutState?) -> WriteUrgency {
        guard let before, let state = decision.state else { return .decision }
        return state.news(since: before)
    }

    /// Errors that end the pass instead of being noted as trouble of one step: the record changed, the lead is lost, or the pass
    /// is cancelled.
    private static func endsPass(_ error: any Error) -> Bool {
        error is StateConflict || error is RecordLost || error is LeadershipLost || error is CancellationError
    }

    private static func notRecorded(_ reason: String) -> String {
        let cause = reason.hasSuffix(".") ? String(reason.dropLast()) : reason
        return "decisions cannot be recorded: \(cause). Until they can, rollouts do not advance; "
            + "traffic can still be taken away from a candidate"
    }

    private func isDue(_ news: WriteUrgency, _ decision: Decision, _ key: DeploymentKey) -> Bool {
        guard let state = decision.state, let writtenAt = entries[key]?.writtenAt else { return true }
        return RecordWriteSchedule.isDue(
            news, since: .seconds(state.decidedAt.timeIntervalSince(writtenAt)),
            progressDeadline: state.settings.rollout.progressDeadline, inFlight: inFlight.count)
    }

    private func applyOrHold(
        _ decision: Decision, _ news: WriteUrgency, before: RolloutState?, planBefore: ServingPlan?,
        _ key: DeploymentKey, at place: Place, _ text: String
    ) async -> Recorded {
        guard news == .decision else {
            keep(decision.state, of: key)
            return .carriedOutFirst(text)
        }
        guard decision.isWithdrawal(since: before, from: planBefore) else { return .held(text) }
        keep(decision.state, of: key)
        let attempt = openCalls[OpenCall.Key(deployment: key, step: .record)]?.number
        if entries[key]?.unwritten == nil {
            entries[key]?.unwritten = UnrecordedDecisions(
                events: decision.events, attempt: attempt, attemptedEvents: attempt == nil ? 0 : decision.events.count)
        } else {
            entries[key]?.unwritten?.events += decision.events
        }
        logger.warning(
            "A decision was carried out before it could be recorded",
            metadata: ["deployment": "\(key)", "reason": "\(text)"])
        await storeWithdrawal(key, at: place)
        return .carriedOutFirst(text)
    }

    /// For the next controller, in case this one ends before the decision can be recorded.
    private func storeWithdrawal(_ key: DeploymentKey, at place: Place) async {
        guard let entry = entries[key], let state = entry.state, let unwritten = entry.unwritten,
            let bytes = try? RolloutRecords.encode(state)
        else { return }
        let (version, store) = (entry.version, place.site.store)
        _ = try? await bounded(Self.asideLimit) {
            await store.storeWithdrawal(key, expecting: version, state: bytes, events: unwritten.events)
        }
    }

    private static let asideLimit: Duration = .milliseconds(300)

    func keep(_ state: RolloutState?, of key: DeploymentKey) {
        entries[key]?.state = state
        manifests.note(
            recordOf: key, project: state.map { $0.settings.project ?? Project.defaultName },
            isUntouched: state?.isUntouched ?? false,
            manifest: state.map { RecordedManifest(commit: $0.commit, origin: $0.settings.origin) })
        if state?.rollout == nil { inFlight.remove(key) } else { inFlight.insert(key) }
    }

    /// Writes decisions that were carried out before they could be recorded, with their original times.
    func writeUnrecordedDecisions(_ key: DeploymentKey, at place: Place) async throws {
        guard let unwritten = entries[key]?.unwritten, let state = entries[key]?.state else { return }
        do {
            try await write(state, events: unwritten.events, of: key, at: place)
            entries[key]?.unwritten = nil
            entries[key]?.troubles[.record] = nil
            logger.notice(
                "A decision was recorded late",
                metadata: ["deployment": "\(key)", "events": "\(unwritten.events.count)"])
        } catch let error where Self.endsPass(error) {
            throw error
        } catch {
            if let open = openCalls[OpenCall.Key(deployment: key, step: .record)],
                entries[key]?.unwritten?.attempt != open.number
            {
                entries[key]?.unwritten?.attempt = open.number
                entries[key]?.unwritten?.attemptedEvents = unwritten.events.count
            }
            entries[key]?.troubles[.record] = Self.notRecorded(Self.explain(error).text)
        }
    }

    private func write(
        _ state: RolloutState?, events: [RolloutEvent], of key: DeploymentKey, at place: Place
    ) async throws {
        let begun = term
        let bytes = try state.map { try RolloutRecords.encode($0) }
        let (expected, store) = (entries[key]?.version, place.site.store)
        let status = state.map { view(of: key, decided: $0).status }
        let number = lastCall + 1
        let version = try await call(
            .record, of: key, within: configuration.limits.recording,
            late: { controller, result in controller.handleLateWrite(key, number, begun, result) },
            { try await store.swap(key, expecting: expected, state: bytes, events: events, status: status) })
        guard begun == term else { throw LeadershipLost() }
        counts.writes += 1
        entries[key]?.site = place.name
        entries[key]?.version = state == nil ? nil : version
        entries[key]?.writtenAt = state?.decidedAt
        entries[key]?.troubles[.record] = nil
        keep(state, of: key)
        if !events.isEmpty { tellSignal.yield() }
        await noteQuarantine(state?.quarantined, of: key, in: store)
    }

    /// Stores a second copy of the quarantine, for the case that the record is lost. A failure is ignored.
    private func noteQuarantine(_ quarantine: [Quarantine]?, of key: DeploymentKey, in store: any StateStore) async {
        guard entries[key]?.notedQuarantine != .some(quarantine) else { return }
        let noted: Void? = try? await bounded(Self.asideLimit) { try await store.note(quarantine: quarantine, of: key) }
        if noted != nil { entries[key]?.notedQuarantine = .some(quarantine) }
    }

    /// A write that had timed out has now succeeded: the record contains it, so what is in memory may be outdated.
    private func handleLateWrite(_ key: DeploymentKey, _ number: UInt64, _ begun: Int, _ result: Result<Int, any Error>)
    {
        guard begun == term, entries[key] != nil, case .success(let version) = result else { return }
        guard let unwritten = entries[key]?.unwritten, unwritten.attempt == number else {
            entries[key]?.mustReload = true
            return
        }
        counts.writes += 1
        entries[key]?.version = version
        entries[key]?.unwritten?.events.removeFirst(min(unwritten.attemptedEvents, unwritten.events.count))
        entries[key]?.unwritten?.attempt = nil
        if entries[key]?.unwritten?.events.isEmpty == true {
            let decidedAt = entries[key]?.state?.decidedAt
            entries[key]?.unwritten = nil
            entries[key]?.writtenAt = decidedAt
            entries[key]?.troubles[.record] = nil
        }
        tellSignal.yield()
    }
}
