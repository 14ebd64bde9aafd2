import ModelManifests

/// Checks that each project has a policy that restricts it. Pure.
enum PolicyFindings {
    /// - Parameter projects: nil where the settings cannot be read.
    static func all(_ projects: [Project]?) -> [Finding] {
        guard let projects else {
            return [CheckID.policyWalls, .policyWidth, .policyLimits].map {
                .notLookedAt($0, "the settings cannot be read")
            }
        }
        guard !projects.isEmpty else {
            return [CheckID.policyWalls, .policyWidth, .policyLimits].map {
                .notLookedAt($0, "there is no project: give --repo, or projects: in the settings (--config)")
            }
        }
        return walls(projects) + width(projects) + limits(projects)
    }

    /// Rules that are there and hold next to nothing. Where there are several projects, one of them can harm the others.
    private static func width(_ projects: [Project]) -> [Finding] {
        let named = projects.filter { $0.name != Project.defaultName }
        guard !named.isEmpty else { return [.notApplicable(.policyWidth, "--repo has no policy")] }
        let wide = named.flatMap { project in
            project.policy.wideRules.map { rule in
                Finding.warning(
                    .policyWidth, "project '\(project.name)', policy '\(rule.field)': \(rule.reason)",
                    "Narrow it: \(rule.advice)")
            }
        }
        return wide.isEmpty ? [.ok(.policyWidth, "no policy has a rule that allows nearly everything")] : wide
    }

    /// Runtimes that a policy names and that nobody knows.
    ///
    /// - Parameter described: by project, the ServingRuntimes of its repository; nil where it could not be read.
    static func runtimes(_ projects: [(rules: ProjectRules, described: Set<String>?)]) -> [Finding] {
        let naming = projects.filter { $0.rules.policy.runtimes != nil }
        guard !naming.isEmpty else { return [.notApplicable(.policyRuntimes, "no policy names runtimes")] }
        let found = naming.compactMap { project -> Finding? in
            guard let described = project.described else {
                return .notLookedAt(
                    .policyRuntimes, "project '\(project.rules.project)': its repository could not be read")
            }
            return project.rules.unknownRuntimes(beside: described).map {
                .warning(.policyRuntimes, $0, "'mlctl validate --project NAME --config FILE' says so before a commit")
            }
        }
        return found.isEmpty ? [.ok(.policyRuntimes, "every runtime that a policy names is there")] : found
    }

    private static func walls(_ projects: [Project]) -> [Finding] {
        let open = projects.compactMap { project -> Finding? in
            if project.name == Project.defaultName {
                return .warning(
                    .policyWalls,
                    "--repo has no policy: everybody who can commit there can run any program as the controller's user",
                    "If other people can commit there, add it under projects: with a policy")
            }
            let missing = project.policy.missingWalls
            guard !missing.isEmpty else { return nil }
            return .warning(
                .policyWalls,
                "the policy of project '\(project.name)' does not restrict \(missing.joined(separator: ", "))",
                "Add to its policy: \(missing.map(example).joined(separator: "; "))")
        }
        return open.isEmpty
            ? [
                .ok(
                    .policyWalls,
                    "\(projects.count.counted("project")), each restricted by a policy")
            ] : open
    }

    private static func example(_ rule: String) -> String {
        switch rule {
        case "namespaces": "namespaces: [NAME]"
        case "targets": "targets: [{kind: local}] or [{kind: kubernetes, cluster: NAME}]"
        case "commands": "commands: deny"
        case "modelSources": "modelSources: [\"https://models.example.com/\"]"
        case "secrets": "secrets: []"
        case "podSecurity": "podSecurity: restricted (where clusters are among the targets)"
        default: rule
        }
    }

    private static func limits(_ projects: [Project]) -> [Finding] {
        let named = projects.filter { $0.name != Project.defaultName }
        guard !named.isEmpty else {
            return [
                .notApplicable(
                    .policyLimits, "a controller with --repo has one project, which may use the whole machine")
            ]
        }
        let boundless = named.filter(\.policy.limits.isEmpty).map { "'\($0.name)'" }
        guard boundless.isEmpty else {
            let message =
                "without limits, \(boundless.joined(separator: ", ")) may have \(ProjectLimits.defaultDeployments) deployments "
                + "of any size, and can take the machine or the cluster from all others"
            let advice = "Add to the policy: limits: {deployments: 50, replicas: 20, cpu: \"64\", memory: 256Gi}"
            return [
                // Alone, it takes nothing from anybody but whoever runs the controller.
                named.count > 1
                    ? .problem(.policyLimits, message, advice) : .warning(.policyLimits, message, advice)
            ]
        }
        return [.ok(.policyLimits, "\(named.count.counted("project")), each with limits")]
    }
}
