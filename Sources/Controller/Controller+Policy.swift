import ModelManifests
import Rollouts

/// What of a deployment's revisions the policy of its project forbids now. A manifest is held against it when it is read; what
/// is in flight, and what could come back, was read under an earlier one.
extension Controller {
    /// - Parameter isCommanded: somebody may want to go back: earlier revisions are looked at, too.
    /// - Returns: nil where its project is not known: then nobody can say.
    func forbidden(
        _ key: DeploymentKey, _ state: RolloutState, _ desired: Desired, isCommanded: Bool
    ) -> [Revision: String]? {
        guard let owner = manifests.owner(of: key), let rules = projects[owner]?.source.rules else {
            guard let reason = manifests.orphanReason(of: key), let candidate = state.rollout?.candidate else {
                return nil
            }
            // Nobody allows it to go further. Where it came from a rollback, a person has asked for it.
            return state.rollout?.purpose == .restore ? [:] : [candidate.revision: reason]
        }
        guard !rules.isOpen else { return [:] }
        var forbidden: [Revision: String] = [:]
        if let rollout = state.rollout, !isWanted(rollout.candidate, desired) {
            forbidden[rollout.candidate.revision] = problem(of: rollout, key, state.settings, rules)
        }
        guard isCommanded else { return forbidden }
        for template in Set(state.history.map(\.deployed.template)) {
            forbidden[template.revision] = rules.problem(of: state.settings.restoring(template))
        }
        // Last: its place in git is known.
        if let problem = problemOfRetry(key, state, rules) { forbidden[state.settings.template.revision] = problem }
        return forbidden
    }

    /// Of a deployment whose project is not in the settings, commands only take traffic back: no policy says what else is allowed.
    func orphanRefusal(of command: OperatorCommand, _ key: DeploymentKey) -> String? {
        guard let reason = manifests.orphanReason(of: key) else { return nil }
        switch command.verb {
        case .abort, .rollback: return nil
        case .promote, .pause, .resume, .retry, .suspend:
            return
                "\(reason). Commands that work now: 'mlctl abort \(key.argument)', 'mlctl rollback \(key.argument)' and "
                + "'mlctl status \(key.argument)'"
        }
    }

    /// Why `mlctl retry` would be refused now, beside what its state says; nil if it would not.
    func retryRefusal(of key: DeploymentKey) -> String? {
        guard let state = entries[key]?.state else { return nil }
        let rules = manifests.owner(of: key).flatMap { projects[$0]?.source.rules }
        if let rules, !rules.isOpen, let problem = problemOfRetry(key, state, rules) {
            return "outside the project's policy: \(problem)"
        }
        return manifests.wish(for: key) == .held ? reasonNotFollowed(key) : nil
    }

    /// Why git's manifest is not followed now, as far as known.
    func reasonNotFollowed(_ key: DeploymentKey) -> String? {
        manifests.diagnostics(of: key).first?.description ?? entries[key]?.problem
    }

    /// What the policy says of the manifest that was followed last, with the place in git if it is the one that is there.
    private func problemOfRetry(_ key: DeploymentKey, _ state: RolloutState, _ rules: ProjectRules) -> String? {
        rules.problem(of: state.settings).map { placed($0, key) }
    }

    private func placed(_ problem: String, _ key: DeploymentKey) -> String {
        manifests.diagnostics(of: key).first { problem.contains($0.message) }?.description ?? problem
    }

    /// Its manifest was held against the policy when it was read.
    private func isWanted(_ candidate: DeployedRevision, _ desired: Desired) -> Bool {
        if case .manifest(let deployment, _) = desired { deployment.template == candidate.template } else { false }
    }

    /// Remembered: a rollout in flight is looked at twice a second.
    private func problem(
        of rollout: Rollout, _ key: DeploymentKey, _ settings: ModelDeployment, _ rules: ProjectRules
    ) -> String? {
        var deployment = settings.restoring(rollout.candidate.template)
        if rollout.purpose != .restore { deployment.rollout.gates = settings.rollout.gates }
        let known = entries[key]?.policyAnswer
        let problem = known?.deployment == deployment ? known?.problem : rules.problem(of: deployment)
        if known?.deployment != deployment {
            entries[key]?.policyAnswer = PolicyAnswer(deployment: deployment, problem: problem)
        }
        // Git still has the manifest: there it can be put right.
        return problem.map { placed($0, key) }
    }
}

/// What a project's policy says of a revision; it stays the same as long as the controller runs.
struct PolicyAnswer {
    var deployment: ModelDeployment
    var problem: String?
}

extension ModelDeployment {
    /// The same with another revision's template, which no gate judges.
    fileprivate func restoring(_ template: ServingTemplate) -> ModelDeployment {
        var deployment = self
        deployment.template = template
        deployment.rollout.gates = []
        return deployment
    }
}
