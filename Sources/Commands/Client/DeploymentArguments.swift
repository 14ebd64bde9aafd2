import ArgumentParser
import Foundation
import ModelManifests

/// The deployment that a command is about.
struct DeploymentArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The deployment's name, or NAMESPACE/NAME.", valueName: "name"))
    var name: String

    @Option(name: .shortAndLong, help: "The deployment's namespace. (default: default)")
    var namespace: String?

    func validate() throws { _ = try key }

    var key: DeploymentKey {
        get throws { try Self.key(name, namespace: namespace) }
    }

    /// - Throws: `ValidationError` where the name is invalid, or contains another namespace than the given one.
    static func key(_ name: String, namespace: String?) throws -> DeploymentKey {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), !parts.contains("") else {
            throw ValidationError("'\(name)' is no deployment; write NAME or NAMESPACE/NAME")
        }
        if parts.count == 2, let namespace, namespace != parts[0] {
            throw ValidationError("'\(name)' is not in namespace '\(namespace)'; leave out one of the two")
        }
        return DeploymentKey(
            namespace: parts.count == 2 ? parts[0] : namespace ?? "default", name: parts[parts.count - 1])
    }
}
