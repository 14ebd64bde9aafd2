import ArgumentParser
import Foundation
import LocalServing

/// `mlctl keeper`: the keeper of one instance.
struct KeeperCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keeper", abstract: "Supervise one model server: start, probe, restart and stop it.",
        discussion: "Started by the controller, and keeps running without it. SIGTERM drains and stops the instance.")

    @OptionGroup var state: StateOption
    @Option(help: "The instance's id. Its spec.json is in the state folder.") var instance: String

    func run() async throws {
        try TrustedPlaces.checkState(state.url)
        let keeper = Keeper(stateDirectory: state.url, instance: instance)
        let code = try await keeper.run()
        guard code == 0 else { throw ExitCode(code) }
    }
}
