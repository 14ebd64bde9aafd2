import ArgumentParser
import ModelManifests
import Rollouts

struct RollbackCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Go back to an earlier revision.",
        discussion: """
            What git asks for is held off until it changes, or until 'mlctl retry'.

            Examples:
              mlctl rollback fraud-scorer                    to the revision before
              mlctl rollback fraud-scorer --to 3f1c9a7e02    'mlctl history' lists them
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Option(help: ArgumentHelp("The revision to go back to. (default: the one before)", valueName: "revision"))
    var to: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await act(.rollback(to: to.map(Revision.init(rawValue:))))
    }
}
