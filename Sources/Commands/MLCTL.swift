import ArgumentParser
import CLinuxProcess
import Foundation
import SafeText

/// The command line: `mlctl COMMAND …`.
package struct MLCTL: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "mlctl",
        abstract: "Deploy models from git, with gradual rollouts and automatic rollback.",
        discussion: """
            mlctl reads ModelDeployment manifests from git, serves the models, moves traffic to a new version step by \
            step, and keeps it only while live evidence shows that it is no worse.

            Start here:
              mlctl demo                            a good and a bad release in about a minute
              mlctl init                            your own model, or a small example, serves in a minute
              mlctl run --repo ./models             the controller, over a git repository
              mlctl status                          what serves, and what each rollout waits for
              mlctl wait NAME --for healthy         for CI: exits 0 when healthy, 3 when rolled back
              mlctl doctor                          checks an installation and says what to fix
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Serve",
                subcommands: [
                    DemoCommand.self, InitCommand.self, RunCommand.self, DownCommand.self, UninstallCommand.self,
                ]),
            CommandGroup(
                name: "Inspect",
                subcommands: [
                    StatusCommand.self, DashboardCommand.self, ExplainCommand.self, HistoryCommand.self,
                    EventsCommand.self, LogsCommand.self, AuditCommand.self,
                ]),
            CommandGroup(
                name: "Act",
                subcommands: [
                    PromoteCommand.self, PauseCommand.self, ResumeCommand.self, AbortCommand.self, RetryCommand.self,
                    RollbackCommand.self, SuspendCommand.self, SyncCommand.self, WaitCommand.self,
                    OutcomeCommand.self,
                ]),
            CommandGroup(
                name: "Check",
                subcommands: [
                    ValidateCommand.self, PlanCommand.self, SchemaCommand.self, ReplayCommand.self, ProfileCommand.self,
                    DoctorCommand.self, VersionCommand.self,
                ]),
            CommandGroup(
                name: "Publish", subcommands: [PackCommand.self, PushCommand.self]),
            CommandGroup(
                name: "Started by the controller",
                subcommands: [
                    ProxyCommand.self, KeeperCommand.self, CompanionCommand.self, FetchModelCommand.self,
                    ServeModelCommand.self,
                ]),
        ])

    package init() {}

    /// Runs the command that the arguments name, and ends the process with its exit code.
    package static func runAndExit() async -> Never {
        hideSecrets()
        do {
            if let problem = UnknownCommand.problem(in: Array(CommandLine.arguments.dropFirst())) {
                throw CommandFailure(.wrongUsage, problem)
            }
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            Foundation.exit(CommandExit.done.rawValue)
        } catch {
            let code = exitCodeOf(error)
            if let text = messageOf(error) {
                (code == 0 ? FileHandle.standardOutput : .standardError).write(Data("\(Escape.lines(text))\n".utf8))
            }
            Foundation.exit(code)
        }
    }
}

/// Hides the environment and arguments of a controller, because they contain credentials and every process of its user can
/// read them, including the checks that it runs. (Processes that a controller starts are recognized by a mark in their
/// environment.)
private func hideSecrets() {
    guard CommandLine.arguments.dropFirst().first == RunCommand.configuration.commandName else { return }
    clp_hide_addresses_in_arguments()
    guard clp_hide_environment() != 0 else { return }
    FileHandle.standardError.write(
        Data(
            "mlctl: the environment stays visible to this user's processes: there is no memory for a hidden copy\n".utf8
        ))
}

private func exitCodeOf(_ error: any Error) -> Int32 { exitCode(for: error) }
private func messageOf(_ error: any Error) -> String? { message(for: error, of: MLCTL.self) }

package enum Version {
    package static let text = "0.1.0"
}
