import ArgumentParser
import ControlAPI
import ControlPorts
import Foundation
import ModelManifests
import Presentation
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
    @OptionGroup var reason: ReasonOption

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

/// Why somebody acts: it stands in the audit trail beside what the command causes.
struct ReasonOption: ParsableArguments {
    @Option(
        name: .customLong("reason"),
        help: ArgumentHelp("Why; recorded in the audit trail ('mlctl events').", valueName: "text"))
    var text: String?

    func validate() throws {
        guard (text?.count ?? 0) <= APILimits.reasonCharacters else {
            throw ValidationError("--reason may have at most \(APILimits.reasonCharacters) characters")
        }
    }
}

/// A command that asks the controller to do one thing to one deployment, and prints the resulting status.
protocol ActionRunning {
    var deployment: DeploymentArguments { get }
    var reason: ReasonOption { get }
    var server: ServerOptions { get }
}

extension ActionRunning {
    func act(_ verb: OperatorCommand.Verb) async throws {
        let client = try server.client()
        let key = try await deployment.key(by: client)
        let command = OperatorCommand(verb, claimedActor: NSUserName(), reason: reason.text)
        let status = try await client.act(command, on: key)
        try Console.standard.print(["\(key): \(status.summary)"])
    }
}

struct AbortCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "End the current rollout and send all traffic back to stable.",
        discussion: """
            The candidate is quarantined until the serving template in git changes, or until 'mlctl retry'.

            Examples:
              mlctl abort fraud-scorer
              mlctl abort fraud-scorer --reason "support has complaints about declined cards"
            """)

    @OptionGroup var deployment: DeploymentArguments
    @OptionGroup var reason: ReasonOption

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.abort) }
}

struct PauseCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pause a rollout at its current step; the traffic split stays.",
        discussion: """
            Examples:
              mlctl pause fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments
    @OptionGroup var reason: ReasonOption

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.pause) }
}

struct ResumeCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resume a paused rollout or a suspended deployment.",
        discussion: """
            Examples:
              mlctl resume fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments
    @OptionGroup var reason: ReasonOption

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.resume) }
}

struct RetryCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try a quarantined revision again, or evaluate a paused one with new evidence.",
        discussion: """
            Examples:
              mlctl retry fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments
    @OptionGroup var reason: ReasonOption

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.retry) }
}

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
    @OptionGroup var reason: ReasonOption

    @Option(help: ArgumentHelp("The revision to go back to. (default: the previous one)", valueName: "revision"))
    var to: String?

    @Flag(help: "Also roll back to a revision that failed or is held back.")
    var force = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await act(.rollback(to: to, force: force))
    }
}

struct SuspendCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "suspend", abstract: "Keep a deployment as it is, whatever git says, until 'mlctl resume'.",
        discussion: """
            Examples:
              mlctl suspend fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments
    @OptionGroup var reason: ReasonOption

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.suspend) }
}
