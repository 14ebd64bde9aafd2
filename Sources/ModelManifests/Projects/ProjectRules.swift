/// A project's policy with what the controller's settings add to it: everything that a manifest is checked against.
package struct ProjectRules: Hashable, Sendable {
    package let project: String
    package let policy: ProjectPolicy
    /// Sources in the settings that run a command, with the program of each.
    package let commandSources: [String: String]
    /// The cluster of a target that names none; nil means the cluster that the controller runs in.
    package let onlyCluster: String?
    /// The policy in the form that ten thousand manifests are held against.
    let compiled: CompiledPolicy

    package init(
        project: String, policy: ProjectPolicy, commandSources: [String: String] = [:], onlyCluster: String? = nil
    ) {
        self.project = project
        self.policy = policy
        self.commandSources = commandSources
        self.onlyCluster = onlyCluster
        compiled = CompiledPolicy(policy)
    }

    /// Allows everything.
    package static let open = ProjectRules(project: Project.defaultName, policy: ProjectPolicy())

    package static func == (left: ProjectRules, right: ProjectRules) -> Bool {
        left.project == right.project && left.policy == right.policy && left.commandSources == right.commandSources
            && left.onlyCluster == right.onlyCluster
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(project)
        hasher.combine(policy)
    }

    /// It refuses nothing, whatever a manifest says.
    package var isOpen: Bool { compiled.refusesNothing }

    /// The policy's, with a bound where it names none: one project of several must not take up all of a controller.
    package var limits: ProjectLimits {
        var limits = policy.limits
        if limits.deployments == nil, project != Project.defaultName {
            limits.deployments = ProjectLimits.defaultDeployments
        }
        return limits
    }

    /// What to do where something is over the limits.
    package var limitAdvice: String {
        let isDefault = policy.limits.deployments == nil && project != Project.defaultName
        return "remove something else, or raise 'policy.limits' of project '\(project)' in the controller's settings"
            + (isDefault ? " (without 'limits.deployments' it may have \(ProjectLimits.defaultDeployments))" : "")
    }

    /// - Parameters:
    ///   - project: whose limits they are.
    ///   - excess: what is over the limits, in words.
    package static func noRoom(in project: String, for excess: [String]) -> String {
        "project '\(project)' has no room for it (policy 'limits'): \(excess.joined(separator: ", "))"
    }

    /// What is wrong with runtimes that the policy names and that nobody knows; nil where all are known.
    ///
    /// - Parameter described: names of the ServingRuntimes in the project's repository.
    package func unknownRuntimes(beside described: Set<String>) -> String? {
        let known = Set(RuntimePresets.texts.keys).union(described)
        let unknown = (policy.runtimes ?? []).filter { !known.contains($0) }
        guard !unknown.isEmpty else { return nil }
        let shown = unknown.prefix(Violation.shownLimit).map { name in
            "'\(name)'"
                + (DidYouMean.nearest(to: name, among: known.sorted()).map { " (did you mean '\($0)'?)" } ?? "")
        }
        return
            "policy 'runtimes' of project '\(project)' names \(shown.joined(separator: ", ")), which is neither a preset "
            + "(\(RuntimePresets.texts.keys.sorted().joined(separator: ", "))) nor a ServingRuntime of its repository: put "
            + "the settings right, or commit it"
    }

    /// Why a revision that is not promoted yet must not go on, or one that served must not come back: the field, what is wrong
    /// with it, and the rule; nil where nothing is. Limits hold what is new alone.
    ///
    /// - Parameter deployment: its settings with that revision's template.
    package func problem(of deployment: ModelDeployment) -> String? {
        let violations = PolicyCheck.violations(
            of: deployment, by: self, origin: RuntimeOrigin(of: deployment.template)
        ).filter { $0.rule != "limits" }
        return violations.first.map { first in
            let more = violations.count > 1 ? " (and \(violations.count - 1) more)" : ""
            return "\(first.site.path): \(first.message(project: project))\(more)"
        }
    }

    /// The deployment with the places that its model's files may come from. Where an alias or a link leads is known only when it is
    /// followed.
    func bounding(_ deployment: ModelDeployment) -> ModelDeployment {
        guard deployment.template.model.storageURI != nil, let roots = policy.modelSources else { return deployment }
        var bounded = deployment
        bounded.template.model.allowedSources = roots.map(\.description)
        return bounded
    }

    /// Why the project may not have documents in a namespace; nil where it may.
    func problem(withNamespace namespace: String) -> Violation? {
        guard let allowed = compiled.namespaces, !allowed.contains(namespace) else { return nil }
        return Violation(
            "namespaces", "the project may not use namespace '\(namespace)'",
            allows: policy.namespaces?.map(\.description))
    }

    /// Why a program must not be started; nil where it may be.
    ///
    /// - Parameter noun: what starts it, such as "a check gate".
    func problem(withProgram program: String, of noun: @autoclosure () -> String) -> Violation? {
        problem(with: program, of: noun, "starts")
    }

    /// Why an image must not be run; nil where it may be. An image counts as a program, because it brings its own entrypoint.
    func problem(withImage image: String, of noun: @autoclosure () -> String) -> Violation? {
        problem(with: image, of: noun, "runs the image")
    }

    private func problem(with name: String, of noun: () -> String, _ verb: String) -> Violation? {
        guard !allowsOtherCode, !compiled.programs.contains(name) else { return nil }
        let action = "\(noun()) \(verb) '\(name.shortened)'"
        guard case .only(let programs) = policy.commands else {
            return Violation("commands", "\(action), but the project denies commands", allows: nil)
        }
        return Violation("commands", "\(action), which the project does not allow", allows: programs)
    }

    /// Whether manifests may start any program, image and arguments.
    var allowsOtherCode: Bool { policy.commands == .any }
}
