import ArgumentParser
import ControlAPI
import Controller
import Foundation
import ModelManifests
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

/// A command that asks the controller to do one thing to one deployment, and prints the resulting status.
protocol ActionRunning {
    var deployment: DeploymentArguments { get }
    var server: ServerOptions { get }
}

extension ActionRunning {
    func act(_ verb: OperatorCommand.Verb) async throws {
        let key = try deployment.key
        let command = OperatorCommand(verb, claimedActor: NSUserName())
        let status = try await server.client().act(command, on: key)
        try Console.standard.print(["\(key): \(status.summary)"])
    }
}

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

struct PauseCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Hold a rollout where it is; traffic stays as it is split now.",
        discussion: """
            Examples:
              mlctl pause fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.pause) }
}

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

struct RetryCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Try a quarantined revision again, or judge a paused one with new evidence.",
        discussion: """
            Examples:
              mlctl retry fraud-scorer
            """)

    @OptionGroup var deployment: DeploymentArguments

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.retry) }
}

struct RollbackCommand: AsyncParsableCommand, ActionRunning {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Go back to an earlier revision.",
        discussion: """
            What git asks for is held off until it changes, or until 'mlctl retry'.

            Examples:
              mlctl rollback fraud-scorer              to the latest revision before that did not fail
              mlctl rollback fraud-scorer --to 3f1c    the beginning is enough; 'mlctl history' lists them
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Option(help: ArgumentHelp("The revision to go back to. (default: the one before)", valueName: "revision"))
    var to: String?

    @Flag(help: "Also to a revision that failed or is held off.")
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

    @OptionGroup var server: ServerOptions

    func run() async throws { try await act(.suspend) }
}
