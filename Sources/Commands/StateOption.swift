import ArgumentParser
import Foundation

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
