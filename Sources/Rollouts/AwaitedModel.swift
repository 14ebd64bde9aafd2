import Foundation
import ModelManifests

/// A model that git asks for without a digest, and whose files were not pinned yet: its revision is not known, so no rollout
/// can begin.
///
/// It is part of the record: the deployment keeps its place in the project's limits, and its time limit, over a restart.
package struct AwaitedModel: Codable, Equatable, Sendable {
    package var model: ModelSource
    package var commit: String
    package var since: Date
    /// What the last attempt to read the files led to. Nil: the first attempt has only begun.
    package var reason: String?
    /// The time limit has passed. The files are tried again, at longer intervals.
    package var isOver: Bool

    package init(model: ModelSource, commit: String, since: Date, reason: String? = nil, isOver: Bool = false) {
        self.model = model
        self.commit = commit
        self.since = since
        self.reason = reason
        self.isOver = isOver
    }
}

/// The digest that a model without one was pinned to.
package struct KnownPin: Equatable, Sendable {
    /// Nil: the site cannot pin such models, and each instance fetches what is there.
    package var digest: Digest?
    /// The commit that it was pinned for.
    package var commit: String
}

extension RolloutState {
    /// The digest that the files of a model without a digest were pinned to.
    ///
    /// A pin lasts as long as the record knows it: files that are replaced without a commit start no rollout, and a commit
    /// that goes back to what serves, or to what served before, goes back to the same files. What failed before it
    /// served is not among them: a commit that asks for it again pins its files again.
    package func knownPin(of model: ModelSource) -> KnownPin? {
        var known = [stable, rollout?.candidate].compactMap(\.self).map { ($0.template, $0.commit) }
        // On this machine every model is pinned: settings without a digest are of a model that was not pinned yet.
        if settings.template.model.digest != nil || target != .local { known.append((settings.template, commit)) }
        known += history.lazy.filter { $0.outcome == .replaced }.map { ($0.deployed.template, $0.deployed.commit) }
        return known.lazy.compactMap { template, commit in
            template.model.isPinned(from: model) ? KnownPin(digest: template.model.digest, commit: commit) : nil
        }.first
    }

    /// The files of the next version are being fetched, before its rollout begins. While less serves than should, that comes first.
    package var isPreparingModel: Bool {
        guard rollout == nil, !isRemoved, shortage == nil, let awaited else { return false }
        return !awaited.isOver
    }

    /// Nothing was ever deployed: it can still be deployed at another target.
    package var isUntouched: Bool { course == .idle && stable == nil && history.isEmpty }
}

extension ModelSource {
    /// Whether it is the given model, which has no digest, with a digest or without one.
    package func isPinned(from other: ModelSource) -> Bool {
        var unpinned = self
        unpinned.digest = nil
        return unpinned == other
    }
}

// MARK: - Deciding

extension DecisionPass {
    /// Notes that git's model cannot be pinned, since when and why, and when its time limit passes.
    mutating func followUnpinnedModel() {
        guard case .unpinned(let deployment, let commit, let reason) = inputs.desired, !state.isRemoved else {
            if state.awaited != nil, inputs.desired != .unreadable { state.awaited = nil }
            return
        }
        let model = deployment.template.model
        if state.isUntouched { (state.settings, state.commit) = (deployment, commit) }
        guard state.awaited?.model == model else {
            // Most models are pinned within moments. Only the first record is written before that.
            let isNews = reason != nil || state.isUntouched
            state.awaited =
                isNews ? AwaitedModel(model: model, commit: commit, since: now, reason: reason) : nil
            return
        }
        if state.awaited?.reason != reason, reason != nil { state.awaited?.reason = reason }
        guard let awaited = state.awaited, !awaited.isOver, let reason = awaited.reason,
            now >= awaited.endsAt(deployment.rollout)
        else { return }
        state.awaited?.isOver = true
        record(
            .stuck,
            "version \(model.version) was not rolled out within \(deployment.rollout.progressDeadline.goText): \(reason)"
        )
    }

    /// `mlctl retry` for a model that could not be pinned. The controller reads its files again.
    ///
    /// - Returns: nil if that is not what the command is about; else why it is refused, if it is.
    mutating func retryUnpinnedModel(actor: String?) -> Refused? {
        guard case .unpinned(let deployment, _, _) = inputs.desired, state.rollout?.phase != .paused, !state.isRemoved
        else { return nil }
        let version = deployment.template.model.version
        guard state.awaited?.reason != nil else {
            return Refused(reason: "the model files of version \(version) are being read for the first time")
        }
        state.awaited?.since = now
        state.awaited?.isOver = false
        record(.retried, "the model files of version \(version) are read again", actor: actor)
        return Refused(reason: nil)
    }

    /// The outcome of a command that was looked at.
    struct Refused {
        var reason: String?
    }
}

extension AwaitedModel {
    func endsAt(_ spec: RolloutSpec) -> Date { since.addingTimeInterval(spec.progressDeadline / .seconds(1)) }
}

extension RolloutState {
    /// What a model that could not be pinned waits for.
    var waitForPin: Wait? {
        guard let awaited, let reason = awaited.reason ?? (isUntouched ? "they are being read" : nil) else {
            return nil
        }
        let retried = awaited.isOver ? "every 15 minutes" : "at least every 30 s"
        return Wait(
            "the model files of version \(awaited.model.version), which are tried again \(retried): \(reason)",
            remedy: "'mlctl retry' tries again now; or commit another model.storageUri", since: awaited.since)
    }
}
