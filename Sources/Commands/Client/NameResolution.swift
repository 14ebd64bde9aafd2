import ControlAPI
import ControlPorts
import ModelManifests

/// The deployment that a name without a namespace means: the one in `default`, else the only one of this name. Pure.
enum NameResolution: Hashable {
    case one(DeploymentKey)
    case several([DeploymentKey])
    case none

    static let usualNamespace = "default"

    init(_ name: String, among known: [DeploymentKey]) {
        let found = known.filter { $0.name == name }.sorted()
        if let usual = found.first(where: { $0.namespace == Self.usualNamespace }) {
            self = .one(usual)
        } else if let only = found.first, found.count == 1 {
            self = .one(only)
        } else {
            self = found.isEmpty ? .none : .several(found)
        }
    }

    private static let mostNamed = 5

    /// The deployment, with the namespace that the controller knows for it.
    ///
    /// - Parameter written: with the usual namespace, because none was given.
    /// - Throws: `ControlClientError`, and `CommandFailure` where several namespaces have the name.
    static func resolve(_ written: DeploymentKey, by client: ControlClient) async throws -> DeploymentKey {
        do {
            _ = try await client.status(of: written)
            return written
        } catch let error as ControlError where error.code == .notFound {
            // Only then the whole list is read.
            switch NameResolution(written.name, among: try await client.status().deployments.map(\.key)) {
            case .one(let key): return key
            case .none: return written
            case .several(let keys):
                let shown = keys.prefix(mostNamed).map(\.description).joined(separator: ", ")
                let more = keys.count > mostNamed ? ", …" : ""
                throw CommandFailure(
                    .wrongUsage,
                    "\(keys.count) namespaces have a deployment '\(written.name)': \(shown)\(more); give one with -n")
            }
        }
    }
}

extension DeploymentArguments {
    /// The deployment, with the namespace that the controller knows for it where none is given.
    ///
    /// - Throws: `ControlClientError`, and `CommandFailure` where several namespaces have the name.
    func key(by client: ControlClient) async throws -> DeploymentKey {
        guard namespace == nil, !name.contains("/") else { return try key }
        return try await NameResolution.resolve(try key, by: client)
    }
}
