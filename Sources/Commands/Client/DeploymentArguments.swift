import ArgumentParser
import Foundation
import ModelManifests
import Presentation

/// The deployment that a command is about.
struct DeploymentArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The deployment's name, or NAMESPACE/NAME.", valueName: "name"))
    var name: String

    @Option(
        name: .shortAndLong, help: "The deployment's namespace. (default: default, else the only one with this name)")
    var namespace: String?

    func validate() throws { _ = try key }

    var key: DeploymentKey {
        get throws { try Self.key(name, namespace: namespace) }
    }

    /// - Throws: `ValidationError` where the name is invalid, or contains another namespace than the given one.
    static func key(_ name: String, namespace: String?) throws -> DeploymentKey {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), !parts.contains("") else {
            throw ValidationError("'\(name)' is not a deployment's name; write NAME or NAMESPACE/NAME")
        }
        if parts.count == 2, let namespace, namespace != parts[0] {
            throw ValidationError("'\(name)' is not in namespace '\(namespace)'; give the namespace only once")
        }
        return DeploymentKey(
            namespace: parts.count == 2 ? parts[0] : namespace ?? "default", name: parts[parts.count - 1])
    }
}

/// A duration with its text as written, so that messages can repeat it.
struct DurationArgument: ExpressibleByArgument, CustomStringConvertible {
    var duration: Duration
    var text: String

    init(duration: Duration, text: String) {
        self.duration = duration
        self.text = text
    }

    init?(argument: String) {
        guard let duration = Duration(goText: argument) else { return nil }
        self.init(duration: duration, text: argument)
    }

    var description: String { text }
}

/// The folder where a controller keeps its persistent state.
struct StateOption: ParsableArguments {
    @Option(
        name: .customLong("state-dir"),
        help: ArgumentHelp(
            "The controller's state folder. Default: $MLCTL_STATE_DIR, else ~/.local/state/mlctl.", valueName: "dir"))
    var directory: String?

    var url: URL {
        let environment = ProcessInfo.processInfo.environment
        if let directory { return URL(filePath: directory, directoryHint: .isDirectory).standardizedFileURL }
        if let directory = environment["MLCTL_STATE_DIR"], !directory.isEmpty {
            return URL(filePath: directory, directoryHint: .isDirectory).standardizedFileURL
        }
        let home = URL(filePath: environment["HOME"] ?? "/", directoryHint: .isDirectory)
        let base = environment["XDG_STATE_HOME"].map { URL(filePath: $0, directoryHint: .isDirectory) }
        return (base ?? home.appending(path: ".local/state")).appending(path: "mlctl").standardizedFileURL
    }
}

extension OutputFormat: ExpressibleByArgument {}
