import ArgumentParser
import Rollouts

struct RollbackCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Go back to an earlier revision.",
        discussion: """
            The version in git is held back until it changes, or until 'mlctl retry'.

            Examples:
              mlctl rollback fraud-scorer              to the latest earlier revision that did not fail
              mlctl rollback fraud-scorer --to 3f1c    the first digits are enough; 'mlctl history' lists the revisions
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Option(help: ArgumentHelp("The revision to go back to. (default: the previous one)", valueName: "revision"))
    var to: String?

    @Flag(help: "Also roll back to a revision that failed or is held back.")
    var force = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await act(.rollback(to: to, force: force))
    }
}
