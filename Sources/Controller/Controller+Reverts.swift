import ControlPorts
import ControllerRuntime
import Foundation
import ModelManifests
import Rollouts

/// Writes a rollback back to git, in parallel with the passes: one deployment at a time, with a queue and back-off of its own.
///
/// Nothing about it is recorded. What should be written follows from the deployment's state, and what is written from the
/// repository, so a controller that was killed finds out both again.
extension Controller {
    /// For one deployment: some calls of git, each with a limit of its own.
    static let revertLimit: Duration = .seconds(120)
    static let revertsAtOnce = 4

    /// A deployment that may need a revert, or whose revert may not be needed any more.
    func reviewRevert(of key: DeploymentKey) {
        guard revertSource(of: key) != nil, entries[key]?.state?.quarantined.isEmpty == false else { return }
        reverts.add(key)
    }

    private func revertSource(of key: DeploymentKey) -> ProjectSource? {
        guard let name = manifests.owner(of: key), let source = projects[name]?.source, source.writer != nil,
            source.writeBack.mode != .none
        else { return nil }
        return source
    }

    func revert(_ key: DeploymentKey) async -> Requeue {
        guard isAtWork, let source = revertSource(of: key), let writer = source.writer, let state = entries[key]?.state
        else { return .done }
        let ledger = manifests.ledger(of: source.name)
        // A state that has not seen this commit yet is reviewed after its pass.
        guard case .manifest = manifests.wish(for: key), entries[key]?.commit == ledger.commit else { return .done }
        let wish = RevertWish(state)
        do {
            let event = await rollbackEvent(of: key, wish)
            let report = try await bounded(Self.revertLimit) {
                try await Self.revert(key, wish, state, source, writer, ledger, event)
            }
            noteRevert(report, of: key)
            return .done
        } catch {
            let text = (error as? RevertConflict)?.message ?? Self.explain(error).text
            logger.warning("Revert not written", metadata: ["deployment": "\(key)", "error": "\(text)"])
            entries[key]?.revert = Entry.RevertNote(isWritten: false, text: "it is tried again: \(text)")
            counts.revertFailures += 1
            return .backoff(.transient)
        }
    }

    private static func revert(
        _ key: DeploymentKey, _ wish: RevertWish?, _ state: RolloutState, _ source: ProjectSource,
        _ writer: any RevertWriter, _ ledger: ManifestLedger, _ event: RolloutEvent?
    ) async throws -> Reverting.Report {
        var edited: (file: String, text: String)?
        if let wish {
            guard let file = ledger.file(of: key) else { return .refused("no file describes it") }
            guard let now = try await writer.text(of: file, at: ledger.commit) else {
                return .refused("\(file) of commit \(ledger.commit.prefix(12)) cannot be read")
            }
            guard let old = try await writer.text(of: file, at: wish.servedCommit) else {
                return .refused(
                    "\(file) is not in commit \(wish.servedCommit.prefix(12)), from which version \(wish.servedVersion) serves"
                )
            }
            do {
                let text = try ManifestRevert.edit(now, of: key, like: old)
                guard try await asksForStable(state, ledger, file, text, source.rules) else {
                    return .refused(
                        "the old fields would not make revision \(wish.served.rawValue) any more: a ServingRuntime that it refers "
                            + "to has changed")
                }
                edited = (file, text)
            } catch let refusal as ManifestRevert.Refusal {
                return .refused("\(refusal)")
            }
        }
        return try await Reverting(
            key, wish, mode: source.writeBack.mode, source: ("refs/heads/\(source.reference)", ledger.commit),
            edited: edited,
            message: wish?.message(event) ?? ""
        ).carryOut(with: writer)
    }

    /// Whether git would ask for exactly what serves, if the file had this text: a revert must never be a new candidate.
    private static func asksForStable(
        _ state: RolloutState, _ ledger: ManifestLedger, _ file: String, _ text: String, _ rules: ProjectRules
    ) async throws -> Bool {
        guard let stable = state.stable else { return false }
        let template = await ManifestReading.template(of: state.key, in: ledger, ifFile: file, hadText: text, by: rules)
        guard let template else { return false }
        guard let digest = stable.template.model.digest, template.model.digest == nil else {
            return template.revision == stable.revision
        }
        return template.pinned(to: digest).revision == stable.revision
    }

    private func rollbackEvent(of key: DeploymentKey, _ wish: RevertWish?) async -> RolloutEvent? {
        guard let wish else { return nil }
        let events = try? await with.trail.events(
            matching: EventFilter(deployment: key, since: wish.decidedAt.addingTimeInterval(-1)), limit: 50)
        let own = (events ?? []).map(\.event).filter { $0.revision == wish.failed }
        return own.first { !$0.evidence.isEmpty || $0.failedRequestIds != nil } ?? own.first
    }

    private func noteRevert(_ report: Reverting.Report, of key: DeploymentKey) {
        let before = entries[key]?.revert
        switch report {
        case .notNeeded: entries[key]?.revert = nil
        case .written(let reference):
            entries[key]?.revert = Entry.RevertNote(
                isWritten: true, text: "the revert is on branch \(reference.dropFirst("refs/heads/".count))")
        case .refused(let reason): entries[key]?.revert = Entry.RevertNote(isWritten: false, text: reason)
        }
        guard let note = entries[key]?.revert, note != before else { return }
        logger.info("Revert", metadata: ["deployment": "\(key)", "result": "\(note.text)"])
        if note.isWritten, let name = manifests.owner(of: key) { looks.add(name, urgency: .urgent) }
    }
}
