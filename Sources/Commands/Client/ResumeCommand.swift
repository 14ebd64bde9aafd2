import ArgumentParser
import Rollouts

struct ResumeCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resume a paused rollout or a suspended deployment.",
        discussion: """
            Examples:
              mlctl resume fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.resume) }
}
