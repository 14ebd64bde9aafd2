import ArgumentParser
import Rollouts

struct RollbackCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Go back to an earlier revision.",
        discussion: """
            The version in git is held back until it changes, or until 'mlctl retry'.

            Examples:
              mlctl rollback fraud-scorer              to the latest revision before that did not fail
              mlctl rollback fraud-scorer --to 3f1c    the beginning is enough; 'mlctl history' lists them
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Option(help: ArgumentHelp("The revision to go back to. (default: the one before)", valueName: "revision"))
    var to: String?

    @Flag(help: "Also roll back to a revision that failed or is held back.")
    var force = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await act(.rollback(to: to, force: force))
    }
}
