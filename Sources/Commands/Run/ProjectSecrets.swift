import ControlPorts
import Controller
import Foundation
import ModelManifests
import SecretFiles

/// The secrets that a deployment may use: those in its project's folder that the policy allows.
///
/// A controller started with --repo has one project, whose folder is `secrets/` in the state folder. Every other project has
/// its own folder `secrets/PROJECT/`. A deployment without a project gets no secrets.
struct ProjectSecrets: Sendable {
    private let allowed: [String: Set<String>?]
    private let owners: ProjectOwners
    private let path: String

    init(_ projects: [Project], owners: ProjectOwners, state: URL) {
        allowed = Dictionary(projects.map { ($0.name, $0.policy.secrets.map(Set.init)) }) { first, _ in first }
        self.owners = owners
        path = state.appending(path: "secrets").path(percentEncoded: false)
    }

    @Sendable func folder(of deployment: DeploymentKey) -> SecretFolder {
        guard let project = owners.project(of: deployment), let allowed = allowed[project] else {
            return SecretFolder(path: path, allowed: [])
        }
        return SecretFolder(path: project == Project.defaultName ? path : "\(path)/\(project)", allowed: allowed)
    }
}
