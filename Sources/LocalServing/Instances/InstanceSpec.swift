import Foundation
import ModelManifests
import SecretFiles

/// What a keeper needs to know to run one instance, written before it is started.
struct InstanceSpec: Hashable, Codable, Sendable {
    var version = 1
    var id: String
    var deployment: DeploymentKey
    var revision: Revision
    /// Rises with every instance of the deployment: the newest has the highest.
    var number: Int
    var template: ServingTemplate
    /// Where the model's files are; nil while they are still to be fetched, or where there are none.
    var modelFolder: String?
    /// How the model's files are kept from its server. Older controllers wrote none, and showed it the cache itself.
    var view: ModelView?
    /// Of the controller's own environment: PATH, HOME, LANG and TMPDIR.
    var inherited: [String: String]
    /// The mark that the instance's processes carry.
    var mark: String
    /// Whose secrets it may have. Older controllers wrote none: then all of the state folder's.
    var secrets: SecretFolder?
    var createdAt: Date

    /// A model with files is not started before they are there.
    var needsFiles: Bool { template.model.storageURI != nil && modelFolder == nil }

    /// - Throws: `LocalServingError` with what to do.
    func secret(_ name: String, of state: StateFolder) throws -> String {
        do throws(SecretFolder.Missing) {
            return try (secrets ?? state.secrets).value(of: name)
        } catch {
            throw LocalServingError(
                error.isHopeless ? .invalidName : .invalidCommand, "\(error.message).",
                retry: error.isHopeless ? .terminal : .waiting)
        }
    }

    static let inheritedNames = ["PATH", "HOME", "LANG", "TMPDIR"]

    static func inherited(from environment: [String: String]) -> [String: String] {
        environment.filter { inheritedNames.contains($0.key) }
    }

    /// `<name>-<revision>-<number>`, safe as a file's name.
    static func id(_ deployment: DeploymentKey, _ revision: Revision, number: Int) -> String {
        "\(deployment.name)-\(revision)-\(number)"
    }
}

/// How a server sees its model's files, so that it cannot change those of others who share the cache.
enum ModelView: String, Hashable, Codable, Sendable {
    /// The cache, mounted read-only for it alone.
    case mount
    /// A copy of its own.
    case copy
}

/// The instance is on its way out.
struct InstanceLeaving: Hashable, Codable, Sendable {
    var since: Date
    /// Somebody will ask why: its logs are kept for long.
    var keepsLogs: Bool
    /// How long requests that are under way may go on. Older controllers wrote none.
    var drainLimit: Duration?
}
