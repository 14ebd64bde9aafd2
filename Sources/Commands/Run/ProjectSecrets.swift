import Controller
import Foundation
import ModelManifests
import SecretFiles

/// Which secrets a deployment may have: those of its project's folder, as far as the policy names them.
///
/// The one project of a controller without others has `secrets/` of the state folder; every other has a folder of its own in
/// it, `secrets/PROJECT/`. What belongs to nobody gets none.
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
