import ArgumentParser
import Rollouts

struct RetryCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try a quarantined revision again, or evaluate a paused one with new evidence.",
        discussion: """
            Examples:
              mlctl retry fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.retry) }
}
