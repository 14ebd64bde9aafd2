import ArgumentParser
import Rollouts

struct SuspendCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "suspend", abstract: "Keep a deployment as it is, whatever git says, until 'mlctl resume'.",
        discussion: """
            Examples:
              mlctl suspend fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.suspend) }
}
