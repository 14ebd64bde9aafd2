import ControlPorts
import ModelManifests

/// Which deployments a caller may access: those in its namespaces and projects. A list that is not given sets no limit. If both
/// lists are given, both apply.
package struct AccessScope: Hashable, Sendable {
    /// Names, or prefixes that end in `*`: `risk-*`. Nil: all.
    package var namespaces: [String]? { patterns?.map(\.description) }
    private let patterns: [NamePattern]?
    /// Nil: all.
    package var projects: [String]?

    package static let everything = AccessScope()

    package init(namespaces: [String]? = nil, projects: [String]? = nil) {
        patterns = namespaces?.map(NamePattern.init)
        self.projects = projects
    }

    package var isEverything: Bool { patterns == nil && projects == nil }

    /// - Parameter project: nil if it is unknown. An unknown project matches no project list.
    package func includes(namespace: String, project: String?) -> Bool {
        if let patterns, !patterns.contains(where: { $0.matches(namespace) }) { return false }
        if let projects {
            guard let project, projects.contains(project) else { return false }
        }
        return true
    }

    /// For messages: `namespaces risk, risk-*`.
    var description: String {
        let parts = [
            namespaces.map { "namespaces \($0.joined(separator: ", "))" },
            projects.map { "projects \($0.joined(separator: ", "))" },
        ]
        return parts.compactMap(\.self).joined(separator: " and ")
    }
}

extension AccessScope {
    func includes(_ deployment: DeploymentStatus) -> Bool {
        includes(namespace: deployment.namespace, project: deployment.project)
    }
}

extension DeploymentStatus {
    var deployment: DeploymentKey { DeploymentKey(namespace: namespace, name: name) }
}
