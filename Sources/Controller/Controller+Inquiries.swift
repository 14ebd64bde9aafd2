import Foundation
import ModelManifests
import Rollouts

/// Asks the questions of decisions. A pass never waits for an answer.
extension Controller {
    /// Starts new inquiries, and cancels those that are no longer wanted.
    func inquire(_ wanted: [Inquiry], of key: DeploymentKey, at place: Place) {
        let questions = Dictionary(wanted.map { ($0.id, $0.question) }) { first, _ in first }
        // After an edit, a gate may ask another question under the same id.
        for (id, open) in entries[key]?.inquiries ?? [:] where questions[id] != open.question {
            open.task.cancel()
            entries[key]?.inquiries[id] = nil
        }
        place.site.checks?.keep(only: wanted.filter(\.isCheck), of: key)
        for inquiry in wanted where entries[key]?.inquiries[inquiry.id] == nil && mayRun(inquiry) {
            // Owned by the entry: cancelled when the question is dropped, and awaited when the controller stops.
            let task = Task { await self.put(inquiry, at: place) }
            entries[key]?.inquiries[inquiry.id] = OpenInquiry(question: inquiry.question, task: task)
        }
    }

    /// A command from a record is never run, because someone else may have written the record. A check waits until git asks for
    /// exactly this command, which may take a moment after a start.
    private func mayRun(_ inquiry: Inquiry) -> Bool {
        guard case .check(let check) = inquiry.question else { return true }
        let isAskedFor = manifests.containsCheck(check, of: inquiry.deployment)
        if !isAskedFor {
            logger.debug(
                "A check waits, because its command is not in git", metadata: ["deployment": "\(inquiry.deployment)"])
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

    /// A check is a command from a manifest. Checks of what a cluster serves run in that cluster.
    private func answer(_ inquiry: Inquiry, at place: Place) async -> Finding.Answer {
        if case .check(let check) = inquiry.question, place.name != .local {
            guard let checks = place.site.checks else {
                return .failed(
                    "\(place.name) cannot run checks, and its deployments are never checked on the controller's "
                        + "machine: remove the gate")
            }
            return .checked(await checks.run(inquiry, check))
        }
        return await with.inquirer?.answer(inquiry) ?? .failed("this controller has no sources to ask")
    }

    /// The dependencies (`dependsOn`) that are not healthy with what git wants of them.
    func unmetDependencies(of desired: Desired) -> [UnmetDependency] {
        guard case .manifest(let deployment, _) = desired else { return [] }
        return deployment.dependsOn.compactMap { key in
            guard case .manifest = manifests.wish(for: key) else {
                return UnmetDependency("\(key), which is missing or not valid in git", isAbsent: true)
            }
            guard let entry = entries[key], let state = entry.state, entry.commit == manifests.commit(for: key) else {
                return UnmetDependency("\(key), which was not observed yet")
            }
            if state.phase == .healthy, state.rollout == nil, state.stable?.template == state.settings.template {
                return nil
            }
            return UnmetDependency("\(key), which is \(state.phase.rawValue)")
        }
    }

    /// Deployments that depend on this one get a pass.
    func wakeDependents(of key: DeploymentKey) {
        for other in manifests.dependents(of: key) { runner.add(.deployment(other)) }
    }
}
