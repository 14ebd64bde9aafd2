import ModelManifests

/// Chooses the revision that a rollback goes to. Pure.
///
/// Without a name it is the latest that served before the one that is left: always further back, never forward to what was
/// just left, and never to what is quarantined or what the project's policy forbids.
struct RollbackTarget {
    struct Refusal: Error {
        var reason: String
    }

    let state: RolloutState
    let leaving: DeployedRevision
    /// What the project's policy forbids: nothing forces the way back there.
    let forbidden: [Revision: String]

    init(_ state: RolloutState, leaving: DeployedRevision, forbidden: [Revision: String] = [:]) {
        self.state = state
        self.leaving = leaving
        self.forbidden = forbidden
    }

    func find(_ prefix: String?, force: Bool) -> Result<DeployedRevision, Refusal> {
        guard let prefix else { return earlier }
        var matching = known.filter { $0.revision.rawValue.hasPrefix(prefix.lowercased()) }
        // 'mlctl history' shows versions first, so people name them.
        if matching.isEmpty { matching = known.filter { $0.version == prefix } }
        guard let found = matching.first else {
            return .failure(
                Refusal(
                    reason:
                        "no earlier revision or version \(prefix) is known; 'mlctl history \(state.key.argument)' lists them"
                ))
        }
        guard matching.allSatisfy({ $0.revision == found.revision }) else {
            let revisions = matching.map(\.revision.rawValue).joined(separator: ", ")
            return .failure(Refusal(reason: "'\(prefix)' matches several revisions: \(revisions)"))
        }
        guard found.revision != state.stable?.revision else {
            return .failure(Refusal(reason: "version \(found.version) already serves"))
        }
        if let reason = ruleAgainst(found.revision) {
            return .failure(Refusal(reason: "version \(found.version) \(reason)"))
        }
        if !force, let reason = reasonAgainst(found.revision) {
            return .failure(
                Refusal(reason: "version \(found.version) \(reason); '--force' rolls back to it anyway"))
        }
        return .success(found)
    }

    private var earlier: Result<DeployedRevision, Refusal> {
        let before = firstStart(of: leaving.revision)
        let candidates = state.history.filter { record in
            record.outcome == .replaced && record.deployed.revision != state.stable?.revision
                && record.deployed.revision != leaving.revision
                && firstStart(of: record.deployed.revision) < before
        }
        let allowed = candidates.filter { forbidden[$0.deployed.revision] == nil }
        if let found = allowed.first(where: { reasonAgainst($0.deployed.revision) == nil }) {
            return .success(found.deployed)
        }
        if allowed.isEmpty, let barred = candidates.first?.deployed, let reason = ruleAgainst(barred.revision) {
            return .failure(
                Refusal(reason: "every earlier revision is forbidden: version \(barred.version) \(reason)"))
        }
        guard let barred = allowed.first?.deployed, let reason = reasonAgainst(barred.revision) else {
            return .failure(Refusal(reason: "there is no earlier revision to go back to"))
        }
        return .failure(
            Refusal(
                reason: "every earlier revision is held back: version \(barred.version) \(reason); "
                    + "'--to \(barred.revision) --force' rolls back to it anyway"))
    }

    /// All revisions that were deployed, newest first.
    private var known: [DeployedRevision] { [state.stable].compactMap(\.self) + state.history.map(\.deployed) }

    /// When a revision was first deployed, as far as the history goes back. Deploying it again does not make it newer.
    private func firstStart(of revision: Revision) -> Double {
        (known + [leaving]).filter { $0.revision == revision }.map { $0.startedAt.timeIntervalSince1970 }.min() ?? 0
    }

    private func ruleAgainst(_ revision: Revision) -> String? {
        forbidden[revision].map { "is outside the project's policy: \($0)" }
    }

    private func reasonAgainst(_ revision: Revision) -> String? {
        if let quarantine = state.quarantine(of: revision) { return "is held back: \(quarantine.reason)" }
        return state.passedOver(revision).map { "is held back: \($0.reason)" }
    }
}

extension RolloutState {
    /// Revisions that `mlctl rollback` passes over, though git may ask for them: the last time that they were on their way
    /// they were aborted, or taken back. Newest first; those in quarantine are not among them.
    package var passedOver: [Quarantine] {
        var seen: Set<Revision> = []
        return history.compactMap { record in
            seen.insert(record.deployed.revision).inserted ? passedOver(record.deployed.revision) : nil
        }
    }

    fileprivate func passedOver(_ revision: Revision) -> Quarantine? {
        guard revision != stable?.revision, revision != rollout?.candidate.revision, quarantine(of: revision) == nil,
            let last = history.first(where: { $0.deployed.revision == revision }),
            last.outcome == .rolledBack || last.outcome == .aborted
        else { return nil }
        return Quarantine(
            revision: revision, version: last.deployed.version, reason: last.reason, at: last.endedAt)
    }
}
