import ModelManifests

/// From what git wants to what is to be served.
extension DecisionPass {
    /// Takes over the manifest's settings. Replicas, gates and steps take effect at once and make no new revision.
    mutating func readDesired() {
        switch inputs.desired {
        case .manifest(let deployment, let commit):
            if state.isRemoved {
                state.isRemoved = false
                record(.deployed, "the manifest is back")
            }
            if deployment.suspend != state.settings.suspend {
                record(
                    deployment.suspend ? .suspended : .unsuspended,
                    deployment.suspend ? "suspended by its manifest" : "no longer suspended by its manifest")
            }
            if state.settings != deployment {
                state.settings = deployment
                state.commit = commit
            }
            if state.rollout != nil, state.rollout?.purpose == .release {
                let gates = gates(for: .release)
                state.rollout?.judgement.update(gates: gates, at: now)
                let last = deployment.rollout.steps.count
                if let index = state.rollout?.stepIndex, index > last { state.rollout?.stepIndex = last }
            }
        case .removed where !state.isRemoved:
            state.isRemoved = true
            state.rollout = nil
            enter(.idle, "the manifest was removed from git: draining and stopping")
            record(.removed, state.message, about: state.stable)
        case .removed, .unreadable:
            break
        }
    }

    /// Without a record (the journal was lost), whatever has most of the traffic is what users rely on: git's revision is
    /// judged against it, as ever, and does not replace it unseen.
    mutating func takeOverWhatServes() {
        guard let served = observed.plan?.revisions.max(by: { $0.weight < $1.weight }), served.weight > 0 else {
            return
        }
        let stable = DeployedRevision(template: served.template, commit: state.commit, startedAt: now)
        state.stable = stable
        let doubt = inputs.knownQuarantine == nil ? "; what was in quarantine is not known" : ""
        enter(.healthy, "its record was lost; version \(stable.version), which serves, was taken over\(doubt)")
        record(.recovered, state.message, about: stable)
    }

    var isSuspended: Bool { state.isSuspended || state.settings.suspend }

    /// Starts, supersedes or ends a rollout, so that it is the one that git asks for.
    mutating func followDesired() {
        guard !state.isRemoved, case .manifest(let deployment, let commit) = inputs.desired else { return }
        let template = deployment.template
        if state.stable?.template == template {
            returnToStable()
            return
        }
        if state.rollout?.candidate.template == template { return }
        state.waitsFor = inputs.unmetDependencies
        guard state.quarantine(of: template.revision) == nil, !isSuspended else { return }
        guard state.rollout?.purpose != .restore else { return }  // The operator's wish is carried out first.
        switch state.phase {
        case .promoting, .rollingBack:
            return  // Ends within moments, one way or the other; then the new template's turn comes.
        case .probation:
            concludeProbation("ended early: commit \(commit.prefix(10)) wants another revision")
        case .idle, .preparing, .progressing, .paused, .healthy, .rolledBack, .failed:
            break
        }
        guard state.waitsFor.isEmpty else { return }
        if state.stable?.template != template { start(template, commit: commit) }
    }

    private mutating func returnToStable() {
        state.waitsFor = []
        guard let rollout = state.rollout else {
            if state.phase == .rolledBack { enter(.healthy, "git asks for the revision that serves") }
            return
        }
        guard rollout.withdrawal == nil, rollout.purpose != .restore, state.phase != .promoting else { return }
        withdraw("git asks for the stable revision again", outcome: .superseded, quarantines: false)
    }

    /// Those that this rollout can be judged by: without a stable that runs there is nothing to compare with.
    func gates(for purpose: Rollout.Purpose) -> [GateSpec] {
        let gates = state.settings.rollout.gates
        let room = state.rollout?.room ?? Rollout.Room(state.settings)
        return switch purpose {
        case .release: gates.filter { !$0.needsStable || room != .recreate }
        case .first: gates.filter(\.isCheck)
        case .restore: []
        }
    }

    mutating func start(_ template: ServingTemplate, commit: String, purpose: Rollout.Purpose? = nil) {
        if let superseded = state.rollout {
            remember(superseded.candidate, .superseded, "commit \(commit.prefix(10)) wants another revision")
            record(.superseded, "superseded by version \(template.model.version)", about: superseded.candidate)
        }
        let hasStable = state.stable != nil && state.phase != .failed
        let purpose = purpose ?? (hasStable ? .release : .first)
        let candidate = DeployedRevision(template: template, commit: commit, startedAt: now)
        state.rollout = Rollout(
            candidate: candidate, purpose: purpose, strategy: state.settings.rollout.strategy,
            room: Rollout.Room(state.settings), stepIndex: 0, stepStartedAt: now, isStepApproved: false, weight: 0,
            mirror: 0, hasBegunSteps: false, hold: nil, progressSpent: .zero,
            judgement: .init(
                gates: gates(for: purpose), falseRollbackRate: state.settings.rollout.falseRollbackRate,
                missedRegressionRate: state.settings.rollout.missedRegressionRate, startedAt: now),
            ledgers: [:], counterTurns: [:], announced: [:], overriddenGates: [], withdrawal: nil)
        enter(.preparing, "loading version \(candidate.version)")
        record(
            .rolloutStarted, "version \(candidate.version) (\(candidate.revision)) from commit \(commit.prefix(10))",
            about: candidate)
    }
}
