import ArgumentParser
import Foundation
import LocalServing
import SafeText

/// `mlctl down`: stops everything that a controller serves on this machine.
struct DownCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Stop everything that the controller serves on this machine.",
        discussion: """
            Drains and stops every instance, then the proxy. A running controller would start them again, so stop it first.

            Example: mlctl down --state-dir /var/lib/mlctl
            """)

    @OptionGroup var state: StateOption

    func run() async throws {
        let path = state.url.appending(path: "controller.lock").path(percentEncoded: false)
        guard FileManager.default.fileExists(atPath: state.url.path(percentEncoded: false)) else {
            print(Escape.line("nothing to stop: \(state.url.path(percentEncoded: false)) does not exist"))
            return
        }
        try TrustedPlaces.checkState(state.url)
        guard let lock = try FileLock.acquire(path, tries: 10) else {
            throw ValidationError("a controller is running and would start everything again; stop it first")
        }
        defer { withExtendedLifetime(lock) {} }
        let down = try await LocalBackend.stopEverything(stateDirectory: state.url) { print(Escape.line($0)) }
        for problem in down.problems { print(Escape.line(problem)) }
        guard down.problems.isEmpty else { throw ExitCode.failure }
        print("stopped: \(down.instances) \(down.instances == 1 ? "instance" : "instances")")
    }
}
