import Foundation
import ModelManifests
import Rollouts

/// Putting the questions that decisions ask. A pass never waits for an answer.
extension Controller {
    /// Puts those that are new, and gives up those that nobody asks any more.
    func inquire(_ wanted: [Inquiry], of key: DeploymentKey, at place: Place) {
        let questions = Dictionary(wanted.map { ($0.id, $0.question) }) { first, _ in first }
        // A gate that was edited asks something else under the same id.
        for (id, open) in entries[key]?.inquiries ?? [:] where questions[id] != open.question {
            open.task.cancel()
            entries[key]?.inquiries[id] = nil
        }
        place.site.checks?.keep(only: wanted.filter(\.isCheck), of: key)
        for inquiry in wanted where entries[key]?.inquiries[inquiry.id] == nil && mayBePut(inquiry) {
            // Owned by the entry: cancelled with its question, and awaited when the controller leaves.
            let task = Task { await self.put(inquiry, at: place) }
            entries[key]?.inquiries[inquiry.id] = OpenInquiry(question: inquiry.question, task: task)
        }
    }

    /// What a record says is never run: somebody else may have written it. A check waits until git asks for that very
    /// command, as it may have to after a start.
    private func mayBePut(_ inquiry: Inquiry) -> Bool {
        guard case .check(let check) = inquiry.question else { return true }
        let isAskedFor = manifests.asksFor(check, of: inquiry.deployment)
        if !isAskedFor {
            logger.debug(
                "A check waits: git does not ask for its command", metadata: ["deployment": "\(inquiry.deployment)"])
        }
        return isAskedFor
    }

    private func put(_ inquiry: Inquiry, at place: Place) async {
        let answer = await answer(inquiry, at: place)
        guard !Task.isCancelled else { return }
        let key = inquiry.deployment
        entries[key]?.inquiries[inquiry.id] = nil
        entries[key]?.findings.append(
            Finding(inquiry: inquiry.id, candidate: inquiry.candidate.revision, at: with.now(), answer: answer))
        runner.add(.deployment(key))
    }

    /// A check is a command that a manifest names: what a cluster serves is checked in that cluster.
    private func answer(_ inquiry: Inquiry, at place: Place) async -> Finding.Answer {
        if case .check(let check) = inquiry.question, place.name != .local {
            guard let checks = place.site.checks else {
                return .failed(
                    "nothing runs checks at \(place.name), and what is served there is not checked on the controller's "
                        + "machine: take the gate out")
            }
            return .checked(await checks.run(inquiry, check))
        }
        return await with.inquirer?.answer(inquiry) ?? .failed("this controller can ask nobody")
    }

    /// Those of `dependsOn` that are not at rest with what git wants of them.
    func unmetDependencies(of desired: Desired) -> [String] {
        guard case .manifest(let deployment, _) = desired else { return [] }
        return deployment.dependsOn.compactMap { key in
            guard case .manifest = manifests.wish(for: key) else {
                return "\(key), \(RolloutState.absentDependency)"
            }
            guard let entry = entries[key], let state = entry.state, entry.commit == manifests.commit(for: key) else {
                return "\(key), which has not been looked at yet"
            }
            if state.phase == .healthy, state.rollout == nil, state.stable?.template == state.settings.template {
                return nil
            }
            return "\(key), which is \(state.phase.rawValue)"
        }
    }

    /// Whoever waits for this deployment looks again.
    func wakeDependents(of key: DeploymentKey) {
        for other in manifests.dependents(of: key) { runner.add(.deployment(other)) }
    }
}
