import ArgumentParser
import Rollouts

struct ResumeCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with a rollout that is paused, or with a deployment that is suspended.",
        discussion: """
            Examples:
              mlctl resume fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.resume) }
}
