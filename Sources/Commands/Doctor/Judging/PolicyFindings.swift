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
                .notLookedAt($0, "nothing is followed: name --repo, or projects: in the settings (--config)")
            }
        }
        return walls(projects) + limits(projects)
    }

    private static func walls(_ projects: [Project]) -> [Finding] {
        let open = projects.compactMap { project -> Finding? in
            if project.name == Project.defaultName {
                return .warning(
                    .policyWalls,
                    "--repo has no policy: whoever may commit there may run any program as the controller's user",
                    "Where others commit than those who run the controller, name it under projects: with a policy")
            }
            let missing = project.policy.missingWalls
            guard !missing.isEmpty else { return nil }
            return .warning(
                .policyWalls,
                "project '\(project.name)' may do anything as to \(missing.joined(separator: ", ")): its policy does not name them",
                "Add to its policy: \(missing.map(example).joined(separator: "; "))")
        }
        return open.isEmpty
            ? [
                .ok(
                    .policyWalls,
                    "\(projects.count.counted("project")), each with a policy that names all that it may do")
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
                .notApplicable(.policyLimits, "a controller with --repo has one project, which has all of the machine")
            ]
        }
        let boundless = named.filter(\.policy.limits.isEmpty).map { "'\($0.name)'" }
        guard boundless.isEmpty else {
            return [
                .warning(
                    .policyLimits,
                    "without limits, \(boundless.joined(separator: ", ")) can take the machine or the cluster from all others",
                    "Add to the policy: limits: {deployments: 50, replicas: 20, cpu: \"64\", memory: 256Gi}")
            ]
        }
        return [.ok(.policyLimits, "\(named.count.counted("project")), each with limits")]
    }
}
