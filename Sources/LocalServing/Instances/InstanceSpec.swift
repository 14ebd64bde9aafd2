import Foundation
import ModelManifests
import SecretFiles

/// What a keeper needs to run one instance. Written before the keeper starts.
struct InstanceSpec: Hashable, Codable, Sendable {
    var version = 1
    var id: String
    var deployment: DeploymentKey
    var revision: Revision
    /// Grows with every instance of the deployment: the newest has the highest number.
    var number: Int
    var template: ServingTemplate
    /// The folder with the model's files. Nil until they are fetched, or if the model has none.
    var modelFolder: String?
    /// How the model's files are protected from the server. Older controllers wrote none and gave the server the cache itself.
    var view: ModelView?
    /// The inherited part of the controller's environment: PATH, HOME, LANG and TMPDIR.
    var inherited: [String: String]
    /// The process mark that the instance's processes carry.
    var mark: String
    /// The folder of secrets that the instance may read. Older controllers wrote none: then it is the state folder's.
    var secrets: SecretFolder?
    var createdAt: Date

    /// A model with files does not start before they are there.
    var needsFiles: Bool { template.model.storageURI != nil && modelFolder == nil }

    /// - Throws: `LocalServingError` with advice.
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

    /// `<name>-<revision>-<number>`, which is safe as a file name.
    static func id(_ deployment: DeploymentKey, _ revision: Revision, number: Int) -> String {
        "\(deployment.name)-\(revision)-\(number)"
    }
}

/// How a server sees its model's files, so that it cannot change files that other instances share.
enum ModelView: String, Hashable, Codable, Sendable {
    /// The cache, mounted read-only for this server.
    case mount
    /// A private copy.
    case copy
}

/// Marks an instance as leaving: it drains and then stops.
struct InstanceLeaving: Hashable, Codable, Sendable {
    var since: Date
    /// Keep its logs for a long time, because somebody will ask why it failed.
    var keepsLogs: Bool
    /// How long requests in progress may continue. Older controllers wrote none.
    var drainLimit: Duration?
}
