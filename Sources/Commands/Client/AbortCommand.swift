import ArgumentParser
import Rollouts

struct AbortCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "End the rollout in flight: all traffic goes back to stable.",
        discussion: """
            The candidate is quarantined until git asks for something else, or until 'mlctl retry'.

            Examples:
              mlctl abort fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.abort) }
}
