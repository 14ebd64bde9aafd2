import ModelManifests

/// Checks that each project has a policy that restricts it. Pure.
enum PolicyFindings {
    /// - Parameter projects: nil where the settings cannot be read.
    static func all(_ projects: [Project]?) -> [Finding] {
        guard let projects else {
            return [CheckID.policyWalls, .policyLimits].map { .notLookedAt($0, "the settings cannot be read") }
        }
        guard !projects.isEmpty else {
            return [CheckID.policyWalls, .policyLimits].map {
                .notLookedAt($0, "there is no project: give --repo, or projects: in the settings (--config)")
            }
        }
        return walls(projects) + limits(projects)
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
            return [
                .warning(
                    .policyLimits,
                    "\(boundless.joined(separator: ", ")) have no limits, so they can use up the machine or the cluster",
                    "Add to the policy: limits: {deployments: 50, replicas: 20, cpu: \"64\", memory: 256Gi}")
            ]
        }
        return [.ok(.policyLimits, "\(named.count.counted("project")), each with limits")]
    }
}
