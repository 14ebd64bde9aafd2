import ArgumentParser
import Rollouts

struct PromoteCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Let a rollout go on: past its pause, its approval or a failed gate.",
        discussion: """
            Examples:
              mlctl promote fraud-scorer                 to the next step
              mlctl promote fraud-scorer --full          to 100 % at once
              mlctl promote fraud-scorer --skip-checks   without what is judged before any traffic
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Flag(help: "To 100 % at once, past all steps that are left.")
    var full = false

    @Flag(help: "Past the checks and contracts that are judged before any traffic. Written into the audit trail.")
    var skipChecks = false

    @Flag(help: "Also where not all instances are ready.")
    var force = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await act(
            .promote(OperatorCommand.Promotion(isFull: full, skipsChecks: skipChecks, isForced: force)))
    }
}
