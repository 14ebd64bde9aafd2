import Foundation
import ModelManifests

/// From git's manifest to the rollout that it asks for.
extension DecisionPass {
    /// Adopts the manifest's settings. Replicas, gates and steps take effect at once and make no new revision.
    mutating func applyDesiredSettings() {
        switch inputs.desired {
        case .manifest(let deployment, let commit):
            if state.isRemoved { restoreRemovedDeployment() }
            if deployment.suspend != state.settings.suspend {
                record(
                    deployment.suspend ? .suspended : .unsuspended,
                    deployment.suspend ? "suspended by its manifest" : "no longer suspended by its manifest")
            }
            if state.settings != deployment { adopt(deployment, commit: commit) }
        case .removed where !state.isRemoved:
            let text = "the manifest was removed from git: draining and stopping"
            record(.removed, text, about: state.stable)
            transition(.manifestRemoved, text) { state in
                state.course = .removing
                state.shortage = nil
                state.growth = nil
            }
        case .removed, .unreadable, .unpinned:
            break
        }
    }

    private mutating func adopt(_ deployment: ModelDeployment, commit: String) {
        let before = state.settings
        state.settings = deployment
        state.commit = commit
        if deployment.replicas > before.replicas, state.stable != nil {
            state.growth = Growth(from: state.growth?.from ?? before.replicas, since: now)
        }
        guard let rollout = state.rollout, rollout.purpose != .restore else { return }
        let gates = gates(for: rollout.purpose, room: rollout.room)
        state.rollout?.judgement.update(gates: gates, at: now)
        // The gate's verdict is recorded again, because it now has another effect.
        for gate in gates where rollout.judgement.evidence(of: gate.name)?.spec.warnOnly != gate.warnOnly {
            state.rollout?.announced[gate.name] = nil
        }
        if rollout.isPastItsSteps,
            state.rollout?.takesNewSteps(of: deployment.rollout.marks, since: before.rollout.marks) == true
        {
            hold(.stepsEdited, .stepsEdited, "the steps changed after the last one was done, and some are new")
        }
        guard var stepping = rollout.stepping, stepping.findPosition(in: deployment.rollout.marks) else { return }
        isEdited = true
        let next = stepping.current?.step ?? deployment.rollout.marks.dropFirst(stepping.done.count).first?.step
        let text = "the steps changed: \(next.map { "next is \($0.text)" } ?? "none is left")"
        transition(.stepsEdited, text) { $0.rollout?.stage = .stepping(stepping) }
    }

    /// The manifest was removed and is back before everything had stopped: the running revision continues to serve.
    private mutating func restoreRemovedDeployment() {
        let wanted = inputs.deployment?.template
        transition(.manifestReturned, "the manifest is back") { state in
            guard let stable = state.stable else {
                state.course = .idle
                return
            }
            let isWanted = stable.template == wanted
            state.course = .resting(
                RestingState(
                    setback: isWanted
                        ? nil
                        : RestingState.HeldBackReason(
                            reason: "the manifest is back with another template", version: nil)))
        }
        record(.deployed, "the manifest is back", about: state.stable)
    }

    /// If there is no record (the journal was lost), the revision with most of the traffic is taken as stable. Git's
    /// revision is evaluated against it, as usual, and does not replace it without a rollout.
    mutating func adoptServingRevision() {
        guard let served = observed.plan?.revisions.max(by: { $0.weight < $1.weight }), served.weight > 0 else {
            return
        }
        let stable = DeployedRevision(template: served.template, commit: state.commit, startedAt: now)
        let doubt = inputs.knownQuarantine == nil ? "; its quarantines are not known" : ""
        let text = "its record was lost; version \(stable.version), which serves, was taken over as stable\(doubt)"
        transition(.recordLost, text) { state in
            state.stable = stable
            state.course = .resting(RestingState())
        }
        record(.recovered, text, about: stable)
    }

    var isSuspended: Bool { state.isSuspended || state.settings.suspend }

    /// Starts, supersedes or ends a rollout, so that the rollout in flight is the one that git asks for. It does so in
    /// every phase; only a suspension or a dependency delays it.
    mutating func followDesired() {
        guard !state.isRemoved, case .manifest(let deployment, let commit) = inputs.desired else { return }
        let template = deployment.template
        if state.stable?.template == template {
            returnToStable()
            return
        }
        if let rollout = state.rollout, rollout.candidate.template == template, rollout.withdrawal == nil { return }
        state.note(inputs.unmetDependencies)
        guard !isSuspended else { return }
        guard state.quarantine(of: template.revision) == nil, !isPostponed(template.revision), state.waitsFor.isEmpty
        else {
            withdrawUnwantedCandidate(commit: commit)
            reportHeldBack(template.revision)
            return
        }
        endCurrentRollout(commit: commit)
        if state.stable?.template != template { start(template, commit: commit) }
    }

    /// Git's revision may not start now, and git no longer asks for the rollout in flight. A restore was requested by a
    /// person and stays.
    private mutating func withdrawUnwantedCandidate(commit: String) {
        guard let rollout = state.rollout, rollout.purpose != .restore, rollout.withdrawal == nil else { return }
        withdraw(.newTemplate, "commit \(commit.prefix(10)) no longer asks for it", .superseded)
    }

    /// Reports that the revision in git is held back, so another one serves.
    private mutating func reportHeldBack(_ revision: Revision) {
        guard let quarantine = state.quarantine(of: revision), case .resting(let rest) = state.course,
            rest.setback == nil
        else { return }
        let text = "version \(quarantine.version), which git asks for, is held back: \(quarantine.reason)"
        transition(.heldOff, text) { state in
            state.course = .resting(
                RestingState(setback: RestingState.HeldBackReason(reason: text, version: quarantine.version)))
        }
    }

    private func isPostponed(_ revision: Revision) -> Bool {
        state.postponed.map { $0.revision == revision && $0.until > now } ?? false
    }

    /// Ends the rollout in flight in favour of another template, unless starting that one replaces it anyway.
    private mutating func endCurrentRollout(commit: String) {
        guard let rollout = state.rollout else { return }
        let why = "commit \(commit.prefix(10)) wants another revision"
        switch rollout.stage {
        case .preparing, .stepping: break
        case .probation:
            // The candidate has all the traffic already, and no gate fails.
            if rollout.hold == nil, canEndProbation(rollout) {
                concludeProbation(.probationOver, "ended early: \(why)")
            }
        case .promoting:
            if onlyCandidateAnswers(rollout) { adoptCandidateAsStable(rollout, why) }
        case .rollingBack:
            if onlyCandidateAnswers(rollout) {
                adoptCandidateAsStable(rollout, why)
            } else {
                concludeRollback(.trafficMoved)
            }
        }
    }

    /// Stable has stopped for the candidate, and users now rely on the candidate. The next candidate is compared with
    /// it, and does not wait until stable has loaded again.
    private mutating func adoptCandidateAsStable(_ rollout: Rollout, _ why: String) {
        let text = "version \(rollout.candidate.version) is taken as stable, because only it answers: \(why)"
        if let left = state.stable {
            remember(left, .replaced, "stopped to free capacity for version \(rollout.candidate.version)")
        }
        record(.warning, text, about: rollout.candidate)
        transition(.standsIn, text) { state in
            state.stable = rollout.candidate
            state.course = .resting(RestingState(setback: RestingState.HeldBackReason(reason: text, version: nil)))
        }
    }

    /// Stable has stopped, and only the candidate answers. It stays until stable can answer.
    private func onlyCandidateAnswers(_ rollout: Rollout) -> Bool {
        guard rollout.room == .drain, let stable = state.stable, rollout.withdrawal?.weight != 0 else { return false }
        return observed.ready(stable.revision) == 0 && observed.ready(rollout.candidate.revision) > 0
    }

    private mutating func returnToStable() {
        state.note([])
        switch state.course {
        case .resting(let rest) where rest.setback != nil:
            transition(.stableWanted, "git asks for the revision that serves") { $0.course = .resting(RestingState()) }
        case .rollingOut(let rollout) where rollout.withdrawal == nil && rollout.purpose != .restore:
            withdraw(.stableWanted, "git asks for the stable revision again", .superseded)
        case .idle, .rollingOut, .resting, .removing: break
        }
    }

    /// The gates that can be evaluated in this rollout. Without a running stable revision there is nothing to compare
    /// with.
    func gates(for purpose: Rollout.Purpose, room: Rollout.CapacityMode) -> [GateSpec] {
        let gates = state.settings.rollout.gates
        return switch purpose {
        case .release: gates.filter { !$0.needsStable || room != .recreate }
        case .first: gates.filter(\.isCheck)
        case .restore: []
        }
    }

    mutating func start(
        _ template: ServingTemplate, commit: String, purpose: Rollout.Purpose? = nil,
        event: PhaseEvent = .newTemplate
    ) {
        if let superseded = state.rollout {
            remember(superseded.candidate, .superseded, "commit \(commit.prefix(10)) wants another revision")
            record(.superseded, "superseded by version \(template.model.version)", about: superseded.candidate)
        }
        let hasStable = state.stable != nil && state.shortage?.kind != .cannotServe
        let purpose = purpose ?? (hasStable ? .release : .first)
        let candidate = DeployedRevision(template: template, commit: commit, startedAt: now)
        let gates = gates(for: purpose, room: Rollout.CapacityMode(state.settings))
        let now = now
        transition(event, "loading version \(candidate.version)") { state in
            state.course = .rollingOut(
                Rollout(candidate: candidate, purpose: purpose, settings: state.settings, gates: gates, now: now))
        }
        record(
            .rolloutStarted, "version \(candidate.version) (\(candidate.revision)) from commit \(commit.prefix(10))",
            about: candidate)
    }
}

extension Desired {
    /// The manifest in git, also if its model is not pinned yet.
    var wanted: (deployment: ModelDeployment, commit: String)? {
        switch self {
        case .manifest(let deployment, let commit), .unpinned(let deployment, let commit, _): (deployment, commit)
        case .unreadable, .removed: nil
        }
    }
}

extension DecisionInputs {
    var deployment: ModelDeployment? {
        if case .manifest(let deployment, _) = desired { deployment } else { nil }
    }
}
