import ArgumentParser
import Rollouts

struct PauseCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pause a rollout at its current step; the traffic split stays.",
        discussion: """
            Examples:
              mlctl pause fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.pause) }
}
