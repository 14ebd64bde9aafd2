import Foundation
import ModelManifests
import Serving

/// What a deployment waits for: the cause, how long it may last, and what a person can do.
package struct Wait: Hashable, Codable, Sendable {
    /// For example `evidence: errors`, or `1 of 2 instances of version 3: its port does not answer`.
    package var cause: String
    /// For example `'mlctl promote'`. Nil if there is nothing to do.
    package var remedy: String?
    package var since: Date?
    /// When the wait ends by itself. Nil if it does not, or if that is not known.
    package var endsAt: Date?
    /// Whether the wait only ends when a person acts.
    package var needsPerson: Bool
    /// Whether the remedy is a change of the model in the manifest.
    package var isAboutModel = false

    init(_ cause: String, remedy: String? = nil, since: Date?, endsAt: Date? = nil, needsPerson: Bool = false) {
        self.cause = cause
        self.remedy = remedy
        self.since = since
        self.endsAt = endsAt
        self.needsPerson = needsPerson
    }

    package var text: String { cause.isEmpty ? remedy ?? "" : cause }
}

extension RolloutState {
    /// What the deployment waits for. Nil if it waits for nothing.
    /// - Parameter observed: as last seen. If it is nil, the cause is less exact.
    package func wait(seeing observed: Observation?) -> Wait? {
        guard let rollout else { return waitAtRest(observed) }
        if isSuspended || settings.suspend, rollout.withdrawal == nil {
            let remedy = settings.suspend ? "set 'suspend: false' in git" : "'mlctl resume'"
            return Wait("\(remedy): it is suspended", remedy: remedy, since: since, needsPerson: true)
        }
        if let hold = rollout.hold {
            let held = rollout.wait(held: hold, since: since)
            guard failsByItself(rollout, under: hold), var away = waitForInstances(rollout, observed) else {
                return held
            }
            away.cause += "; then for \(held.text)"
            return away
        }
        if rollout.hasBegunSteps, rollout.withdrawal == nil, let reason = rollout.splitMismatch {
            return Wait(
                "the gates to judge the candidate, for some seconds more (\(reason))", remedy: "'mlctl abort'",
                since: since)
        }
        switch rollout.stage {
        case .preparing(let preparing): return wait(rollout, preparing, observed)
        case .stepping(let stepping): return wait(rollout, stepping, observed)
        case .promoting:
            let missing =
                rollout.missingInstances(observed, replicas: settings.replicas) ?? rollout.missingShare(observed, 100)
            return Wait(
                missing ?? "the promotion of version \(rollout.candidate.version) to be confirmed",
                remedy: "'mlctl abort'",
                since: since, endsAt: deadlineAt)
        case .probation:
            if let away = waitForInstances(rollout, observed) { return away }
            return Wait(
                "the end of its probation", remedy: "'mlctl promote' ends it now", since: since, endsAt: deadlineAt)
        case .rollingBack: return waitForStable(rollout, observed)
        }
    }

    /// What the rollout waits for, without using an observation. Nil if it waits for nothing.
    package var waitingFor: String? { wait(seeing: nil)?.text }

    private func waitAtRest(_ observed: Observation?) -> Wait? {
        if case .removing = course {
            let longest = max(settings.endpoint.drainTimeout, settings.endpoint.drain.streamTimeout)
            return Wait(
                drainingDescription(observed), since: since,
                endsAt: since.addingTimeInterval(
                    (longest + settings.template.runtime.terminationGracePeriod) / .seconds(1)))
        }
        if let pin = waitForPin { return pin }
        if isSuspended || settings.suspend, stable?.template != settings.template {
            let remedy = settings.suspend ? "set 'suspend: false' in git" : "'mlctl resume'"
            return Wait("\(remedy): it is suspended", remedy: remedy, since: since, needsPerson: true)
        }
        if let postponed, postponed.revision == settings.template.revision, stable?.template != settings.template {
            let needsChange = postponed.needsChange == true
            var wait = Wait(
                "the next attempt: \(postponed.reason)",
                remedy: needsChange ? Self.remedyOfUnfetchable : "'mlctl retry' tries again now", since: since,
                endsAt: postponed.until)
            wait.isAboutModel = needsChange
            return wait
        }
        if !waitsFor.isEmpty {
            return Wait(
                waitsFor.joined(separator: ", "),
                remedy: "'mlctl status' shows them; fix them, or remove them from dependsOn", since: since,
                needsPerson: waitsForAbsent == true)
        }
        let isHeldOff = stable?.template != settings.template && quarantine(of: settings.template.revision) != nil
        if let shortage, shortage.needsPerson || !isHeldOff {
            return Wait(
                shortage.reason, remedy: shortage.remedy(canRollBack: canRollBack), since: shortage.since,
                needsPerson: shortage.needsPerson)
        }
        if isHeldOff {
            let meanwhile = shortage.map { "; meanwhile \($0.reason)" } ?? ""
            return Wait(
                "another template in git, or 'mlctl retry'\(meanwhile)", remedy: "'mlctl retry'", since: since,
                needsPerson: true)
        }
        return waitForGrowth(observed)
    }

    private func drainingDescription(_ observed: Observation?) -> String {
        guard let left = observed?.instances, let first = left.first else { return "everything to drain and stop" }
        let reason = left.lazy.compactMap(\.reason).first.map { ": \($0)" } ?? ""
        return left.count == 1
            ? "its last instance \(first.id) to drain and stop\(reason)"
            : "\(left.count) instances to drain and stop\(reason)"
    }

    /// The manifest wants more instances than were ready before. Those serve, and nothing is wrong so far.
    private func waitForGrowth(_ observed: Observation?) -> Wait? {
        guard let growth, let stable, let observed else { return nil }
        let (ready, wanted) = (observed.ready(stable.revision), replicas(of: stable, observed))
        guard ready < wanted else { return nil }
        let reason = observed.instances.first { $0.revision == stable.revision && $0.condition != .ready }?.reason
        return Wait(
            "\(ready) of \(wanted) instances of version \(stable.version) are ready" + (reason.map { ": \($0)" } ?? ""),
            since: growth.since,
            endsAt: growth.since.addingTimeInterval(settings.rollout.progressDeadline / .seconds(1)))
    }

    private func wait(_ rollout: Rollout, _ preparing: Preparing, _ observed: Observation?) -> Wait {
        let judged = rollout.waitingBeforeTraffic.joined(separator: ", ")
        if preparing.isLoaded {
            return Wait(
                "evidence before any traffic: \(judged)", remedy: "'mlctl promote --skip-checks'", since: since,
                endsAt: deadlineAt)
        }
        let candidate = rollout.candidate
        if let failure = observed?.fetchFailure(of: candidate.revision) {
            return waitForFiles(candidate, failure)
        }
        let reason = observed.flatMap { seen in
            seen.instances.first { $0.revision == candidate.revision && $0.condition != .ready }?.reason
        }
        let text = "ready instances of version \(candidate.version)" + (reason.map { ": \($0)" } ?? "")
        return Wait(
            judged.isEmpty ? text : "\(text), then before any traffic: \(judged)", remedy: "'mlctl abort'",
            since: since,
            endsAt: deadlineAt)
    }

    private func waitForFiles(_ candidate: DeployedRevision, _ failure: InstanceObservation.FetchFailure) -> Wait {
        let times = failure.attempts == 1 ? "once" : "\(failure.attempts) times"
        var wait = Wait(
            "the model files of version \(candidate.version), tried \(times), again at "
                + "\(failure.nextAt.ISO8601Format()): \(failure.reason)",
            remedy: failure.needsChange ? Self.remedyOfUnfetchable : "'mlctl abort', or wait: they are tried again",
            since: since, endsAt: deadlineAt)
        wait.isAboutModel = failure.needsChange
        return wait
    }

    private func wait(_ rollout: Rollout, _ stepping: Stepping, _ observed: Observation?) -> Wait {
        if let away = waitForInstances(rollout, observed) { return away }
        let missing = rollout.missingShare(observed, rollout.weight)
        if stepping.awaitsAvailability || stepping.current == nil, let missing {
            return Wait(missing, remedy: "'mlctl abort'", since: stepping.begunAt, endsAt: deadlineAt)
        }
        guard let step = stepping.current?.step else {
            let next = settings.rollout.marks.dropFirst(stepping.done.count).first?.step
            return Wait(
                next.map { "the next step: \($0.text)" } ?? "the promotion", since: stepping.begunAt, endsAt: deadlineAt
            )
        }
        let evidence = "evidence: \(rollout.insufficientGates.joined(separator: ", "))"
        func timed(_ cause: String) -> Wait {
            Wait(cause, remedy: "'mlctl promote'", since: stepping.begunAt, endsAt: deadlineAt)
        }
        switch step.action {
        case .approval:
            return Wait(
                "approval: 'mlctl promote'", remedy: "'mlctl promote'", since: stepping.begunAt, needsPerson: true)
        case .pause(nil):
            return Wait("'mlctl promote'", remedy: "'mlctl promote'", since: stepping.begunAt, needsPerson: true)
        case .pause(let duration?):
            return Wait(
                "the end of a pause of \(duration.goText)", remedy: "'mlctl promote' ends it now",
                since: stepping.begunAt,
                endsAt: stepping.begunAt.addingTimeInterval(duration / .seconds(1)))
        case .gate(let name): return timed("evidence: \(name)")
        case .setWeight(100):
            guard rollout.weight == 0, rollout.mirror == 0, settings.endpoint.generate == nil else {
                return timed(rollout.insufficientGates.isEmpty ? missing ?? "the promotion" : evidence)
            }
            return timed("\(evidence); no step has given it traffic (add '- setWeight: 5', or 'mlctl promote')")
        case .mirror:
            return timed(step.advance == .evidence ? evidence : missing ?? "the proxy to copy the traffic")
        case .setWeight:
            return timed(step.advance == .evidence ? evidence : missing ?? "the proxy to move the traffic")
        }
    }

    /// Held or not, a candidate that stays without its instances is taken out: nobody is needed for that.
    private func failsByItself(_ rollout: Rollout, under hold: Rollout.Hold) -> Bool {
        switch hold {
        case .byOperator: true
        case .splitMismatch, .stepsEdited, .trafficUnconfirmed, .insufficientEvidence, .outsidePolicy:
            settings.rollout.onFailure == .rollback && !rollout.isForced
        case .gateFailed, .unavailable: false
        }
    }

    /// A candidate without all its instances fails soon, whatever else it waits for. Nil if it has them.
    private func waitForInstances(_ rollout: Rollout, _ observed: Observation?) -> Wait? {
        let replicas = rollout.room == .drain && rollout.stepping != nil ? 1 : settings.replicas
        guard rollout.hasBegunSteps, let missing = rollout.missingInstances(observed, replicas: replicas) else {
            return nil
        }
        return Wait(
            missing, remedy: "'mlctl abort'", since: rollout.availability.unavailableSince ?? rollout.stepStartedAt,
            endsAt: unavailabilityEndsAt(rollout) ?? loadingEndsAt(rollout) ?? deadlineAt)
    }

    /// When additional instances will have been missing for too long, if they do not become ready.
    private func loadingEndsAt(_ rollout: Rollout) -> Date? {
        let spec = settings.rollout
        return rollout.availability.loadingSince?.addingTimeInterval(
            (spec.progressDeadline + spec.unavailableAfter) / .seconds(1))
    }

    /// When the candidate will have been unavailable for too long, if it stays unavailable.
    private func unavailabilityEndsAt(_ rollout: Rollout) -> Date? {
        guard rollout.availability.unavailableSince != nil else { return nil }
        let away = rollout.availability.unavailable(in: settings.rollout.unavailabilityWindow, at: decidedAt)
        let left = max(settings.rollout.unavailableAfter - away, .zero)
        return decidedAt.addingTimeInterval(left / .seconds(1))
    }

    private func waitForStable(_ rollout: Rollout, _ observed: Observation?) -> Wait {
        guard let stable else { return Wait("the candidate to be taken down", since: since, endsAt: deadlineAt) }
        let cause: String
        if let observed {
            switch observed.weights?[stable.revision] {
            case _ where observed.ready(stable.revision) == 0:
                let reason = observed.instances.first { $0.revision == stable.revision && $0.condition != .ready }?
                    .reason
                cause = "an instance of version \(stable.version) to be ready" + (reason.map { ": \($0)" } ?? "")
            case nil: cause = "the data plane to answer: it is not known whether the traffic has moved"
            case 100: cause = "the end of the rollback to be recorded"
            case let share?:
                cause = "the data plane to move the traffic back (version \(stable.version) has \(share) %)"
            }
        } else {
            cause = "the traffic to be back at version \(stable.version)"
        }
        return Wait(cause, since: since, endsAt: deadlineAt)
    }

    /// When the time limit of this phase ends. Nil if no limit is running.
    package var deadlineAt: Date? {
        guard let rollout, rollout.hold == nil else { return nil }
        if (isSuspended || settings.suspend), rollout.withdrawal == nil { return nil }
        let deadline = settings.rollout.progressDeadline
        let left: Duration
        switch rollout.phase {
        case .preparing, .progressing: left = deadline - rollout.progressSpent
        case .promoting, .rollingBack: left = deadline - rollout.stageSpent
        case .probation:
            let duration = settings.rollout.probation?.duration ?? .zero
            return rollout.stepStartedAt?.addingTimeInterval(duration / .seconds(1))
        case .idle, .paused, .healthy, .degraded, .rolledBack, .failed: return nil
        }
        return decidedAt.addingTimeInterval(max(left, .zero) / .seconds(1))
    }
}

extension Observation {
    /// How the last attempt to fetch a revision's files failed; nil if it did not.
    package func fetchFailure(of revision: Revision) -> InstanceObservation.FetchFailure? {
        instances.lazy.filter { $0.revision == revision }.compactMap(\.fetchFailure).first
    }
}

extension RolloutState {
    /// Trying again does not help.
    package static let remedyOfUnfetchable =
        "correct model.digest or model.storageUri and commit that, or put the right files there; 'mlctl retry' alone does "
        + "not help"

    /// What a person can do where instances do not come up.
    package static func remedyOfUnserved(canRollBack: Bool) -> String {
        "'mlctl logs' says why; commit a version that can serve" + (canRollBack ? ", or 'mlctl rollback'" : "")
    }
}

extension Shortage {
    fileprivate func remedy(canRollBack: Bool) -> String {
        switch kind {
        case .endpointClosed:
            needsPerson
                ? "free the port, or set another endpoint.port"
                : "mlctl tries again by itself; where the reason names a file or a setting, somebody must correct that"
        case .tooFewInstances, .cannotServe:
            RolloutState.remedyOfUnserved(canRollBack: canRollBack)
        case .intendedGap: "'mlctl abort'"
        }
    }

}

extension Rollout {
    fileprivate func wait(held hold: Hold, since: Date) -> Wait {
        switch hold {
        case .byOperator: Wait("'mlctl resume'", remedy: "'mlctl resume'", since: since, needsPerson: true)
        case .gateFailed(let name):
            Wait(
                "a person: gate \(name) failed ('mlctl abort', 'retry' or 'promote')",
                remedy: "'mlctl abort', 'mlctl retry' or 'mlctl promote'", since: since, needsPerson: true)
        case .unavailable(let reason):
            Wait(
                "a person: \(reason) ('mlctl abort', 'retry' or 'promote --force')",
                remedy: "'mlctl abort', 'mlctl retry' or 'mlctl promote --force'", since: since, needsPerson: true)
        case .insufficientEvidence:
            Wait(
                "evidence: \(insufficientGates.joined(separator: ", ")) (or 'mlctl promote\(hasBegunSteps ? "" : " --skip-checks")')",
                remedy: "'mlctl promote\(hasBegunSteps ? "" : " --skip-checks")'", since: since)
        case .stepsEdited:
            Wait(
                "a person: its steps changed after the last one was done ('mlctl promote' or 'abort')",
                remedy: "'mlctl promote' or 'mlctl abort'", since: since, needsPerson: true)
        case .splitMismatch(let reason):
            Wait(
                "a person: \(reason) ('mlctl abort', 'retry' or 'promote')",
                remedy: "'mlctl abort', 'mlctl retry' or 'mlctl promote'", since: since, needsPerson: true)
        case .outsidePolicy(let reason, _):
            Wait(
                "a person: version \(candidate.version) is outside the project's policy: \(reason) ('mlctl abort', or commit "
                    + "what it allows)",
                remedy: "'mlctl abort', or commit what the policy allows", since: since, needsPerson: true)
        case .trafficUnconfirmed:
            Wait("the data plane to confirm the candidate's share", remedy: "'mlctl abort'", since: since)
        }
    }

    /// Why the candidate does not have all its instances, as far as observed. Nil if it has them.
    fileprivate func missingInstances(_ observed: Observation?, replicas: Int) -> String? {
        guard let observed else { return nil }
        let ready = observed.ready(candidate.revision)
        guard ready < replicas else { return nil }
        let reason = observed.instances.first { $0.revision == candidate.revision && $0.condition != .ready }?.reason
        return "\(ready) of \(replicas) instances of version \(candidate.version) are ready"
            + (reason.map { ": \($0)" } ?? "")
    }

    /// Why the candidate does not have this share of the traffic, as far as observed. Nil if it has it.
    fileprivate func missingShare(_ observed: Observation?, _ share: Int) -> String? {
        guard let observed else { return nil }
        guard let weights = observed.weights else {
            return share == 0 ? nil : "the data plane to answer: it is not known whether the traffic has moved"
        }
        let seen = weights[candidate.revision] ?? 0
        return seen == share ? nil : "the data plane to move the traffic (version \(candidate.version) has \(seen) %)"
    }
}

extension RolloutStep {
    /// For example `set weight 25 %`.
    package var text: String {
        let base =
            switch action {
            case .setWeight(let weight): "set weight \(weight) %"
            case .mirror(let share): "copy \(share) % to the candidate"
            case .pause(let duration?): "pause \(duration.goText)"
            case .pause(nil): "pause until 'mlctl promote'"
            case .gate(let name): "gate \(name)"
            case .approval: "approval"
            }
        return advance == .evidence ? "\(base), or until all gates pass" : base
    }
}
