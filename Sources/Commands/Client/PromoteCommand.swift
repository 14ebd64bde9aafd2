import ArgumentParser
import Rollouts

struct PromoteCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Continue a rollout after a pause, an approval or a failed gate.",
        discussion: """
            Examples:
              mlctl promote fraud-scorer                 continue to the next step
              mlctl promote fraud-scorer --full          go to 100 % at once
              mlctl promote fraud-scorer --skip-checks   without the checks before traffic
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Flag(help: "Go to 100 % at once and skip the remaining steps.")
    var full = false

    @Flag(
        help: "Skip the checks and contracts that run before the candidate gets traffic. Recorded in the audit trail.")
    var skipChecks = false

    @Flag(help: "Continue even if some instances are not ready.")
    var force = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await act(
            .promote(OperatorCommand.Promotion(isFull: full, skipsChecks: skipChecks, isForced: force)))
    }
}
