import ArgumentParser
import Rollouts

struct PauseCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Hold a rollout where it is; traffic stays as it is split now.",
        discussion: """
            Examples:
              mlctl pause fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.pause) }
}
