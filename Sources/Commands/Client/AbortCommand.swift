import ArgumentParser
import Rollouts

struct AbortCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "End the current rollout and send all traffic back to stable.",
        discussion: """
            The candidate is quarantined until the serving template in git changes, or until 'mlctl retry'.

            Examples:
              mlctl abort fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.abort) }
}
