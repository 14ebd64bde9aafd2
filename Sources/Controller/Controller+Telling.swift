import ControlPorts
import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts
import Serving

/// Informs others, in parallel with the passes: events for listeners, notifications, reports of status to sites, and readings for the
/// recorder. Each has its own bounded queue, so a slow receiver delays neither the passes nor the other receivers.
extension Controller {
    /// Notifications that wait for the notifier. If there are more, the oldest is dropped.
    static let noticeLimit = 256
    /// Readings that wait to be stored. If there are more, the newest is dropped, and the recording has a gap.
    static let recordingLimit = 4096
    /// How many reports run at once.
    static let reportsAtOnce = 8

    /// The evidence of one pass, for the recorder.
    struct Recording: Sendable {
        var decision: Decision
        var rollout: Rollout
        var deployment: DeploymentKey
    }

    /// Runs until the queues are finished, or its task is cancelled.
    func publishUpdates() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.tellSignals { await self.tell() } }
            group.addTask { for await notice in self.notices { await self.notify(notice) } }
            group.addTask { for await recording in self.recordings { await self.keepReadings(recording) } }
            group.addTask { await self.reporter.run { key in await self.report(key) } }
        }
    }

    /// Sends the remaining events and finishes the queues. `publishUpdates` then returns.
    func flushUpdates() async {
        await tell()
        tellSignal.finish()
        noticeQueue.finish()
        recordingQueue.finish()
        reporter.stop()
    }

    /// Sends events to listeners and to the notifier. What cannot be sent is still in the journal.
    private func tell() async {
        let stored: [StoredEvent]
        do {
            let (trail, last) = (with.trail, lastEventId)
            stored = try await bounded(configuration.limits.reporting) {
                try await trail.events(matching: EventFilter(afterId: last), limit: EventBroadcast.bufferLimit)
            }
        } catch {
            logger.warning("Events cannot be read", metadata: ["error": "\(Self.explain(error).text)"])
            return
        }
        for event in stored.reversed() where event.id > lastEventId {
            lastEventId = event.id
            // Skips copies of events that another controller has already told.
            guard event.event.at >= tellsFrom else { continue }
            counts.events[event.event.kind, default: 0] += 1
            logger.info(
                "Event",
                metadata: [
                    "deployment": "\(event.deployment)", "kind": "\(event.event.kind.rawValue)",
                    "message": "\(event.event.message)",
                ])
            broadcast.send(event)
            guard with.notifier != nil, let kind = Notice.Kind(event.event.kind) else { continue }
            let notice = Notice(kind: kind, deployment: event.deployment, event: event)
            if case .dropped(let oldest) = noticeQueue.yield(notice) {
                logger.warning(
                    "Too many notifications are pending: the oldest was dropped",
                    metadata: ["deployment": "\(oldest.deployment)", "kind": "\(oldest.kind.rawValue)"])
            }
        }
    }

    private func notify(_ notice: Notice) async {
        guard let notifier = with.notifier else { return }
        do {
            try await bounded(configuration.limits.notifying) { try await notifier.notify(notice) }
        } catch {
            logger.warning("Notification failed", metadata: ["error": "\(Self.explain(error).text)"])
        }
    }

    /// Reports the status to the deployment's site.
    private func report(_ key: DeploymentKey) async -> Requeue {
        guard
            isAtWork, with.leadership?.isLeading != false, let entry = entries[key], entry.state != nil,
            let name = entry.site, let register = with.sites[name]?.register
        else { return .done }
        let status = view(of: key).status
        do {
            try await bounded(configuration.limits.reporting) { try await register.report(status, of: key) }
            return .done
        } catch {
            logger.debug(
                "The status could not be reported",
                metadata: ["deployment": "\(key)", "error": "\(Self.explain(error).text)"])
            return .backoff(.transient)
        }
    }

    /// - Parameter rollout: the rollout in flight before the pass; the evidence is about it.
    func record(_ decision: Decision, about rollout: Rollout?, of deployment: DeploymentKey) {
        guard with.recorder != nil, let rollout else { return }
        let isOver = decision.state?.rollout?.judgement.startedAt != rollout.judgement.startedAt
        guard isOver || !decision.absorbed.isEmpty else { return }
        let recording = Recording(decision: decision, rollout: rollout, deployment: deployment)
        if case .dropped = recordingQueue.yield(recording) {
            logger.warning("Readings were not stored: too many are waiting", metadata: ["deployment": "\(deployment)"])
        }
    }

    private func keepReadings(_ recording: Recording) async {
        let (decision, rollout) = (recording.decision, recording.rollout)
        await with.recorder?.record(
            decision.absorbed, about: rollout, of: recording.deployment, events: decision.events,
            isOver: decision.state?.rollout?.judgement.startedAt != rollout.judgement.startedAt)
    }
}

extension Notice.Kind {
    init?(_ kind: RolloutEvent.Kind) {
        switch kind {
        case .promoted: self = .promoted
        case .rolledBack: self = .rolledBack
        case .stuck, .failed: self = .stuck
        case .degraded: self = .degraded
        case .available, .recovered: self = .available
        case .gateWarned: self = .warned
        default: return nil
        }
    }
}
