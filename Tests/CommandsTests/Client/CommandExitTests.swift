import ArgumentParser
import ControlAPI
import ControlPorts
import Testing

@testable import Commands

@Suite struct CommandExitTests {
    @Test("every error has its documented exit code")
    func numbers() {
        #expect(exitCode(for: CommandFailure(.rolledBack, "")) == 3)
        #expect(exitCode(for: CommandFailure(.timedOut, "")) == 4)
        #expect(exitCode(for: ControlError(.notFound, "")) == 1)
        #expect(exitCode(for: ControlError(.conflict, "")) == 1)
        #expect(exitCode(for: ControlError(.invalid, "")) == 2)
        #expect(exitCode(for: ControlError(.unavailable, "")) == 5, "a standby that cannot ask the leader")
        #expect(exitCode(for: ControlClientError.unreachable(server: "", reason: "")) == 5)
        #expect(exitCode(for: ControlClientError.timedOut(server: "", limit: .zero)) == 5)
        #expect(exitCode(for: ControlClientError.refused("")) == 1)
        #expect(exitCode(for: ValidationError("")) == 2)
        #expect(exitCode(for: CleanExit.message("")) == 0)
        #expect(exitCode(for: ExitCode(7)) == 7)
        #expect(exitCode(for: CancellationError()) == 1)
    }

    @Test(
        "a command line that cannot be parsed is a usage error",
        arguments: [
            ["status", "--no-such"], ["wait", "x"], ["wait", "x", "--for", "happy"],
            ["wait", "x", "--for", "healthy", "--timeout", "5"],
            ["pause"], ["pause", "a/b/c"], ["pause", "a/b", "-n", "c"], ["logs", "x", "--tail", "0"],
            ["events", "-n", "x"],
            ["status", "-o", "xml"],
        ])
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Root.parseAsRoot(arguments) }
        #expect(error.map { exitCode(for: $0) } == 2)
    }

    @Test("help is not an error")
    func help() throws {
        let error = #expect(throws: (any Error).self) {
            var command = try Root.parseAsRoot(["wait", "--help"])
            try command.run()
        }
        #expect(error.map { exitCode(for: $0) } == 0)
    }

    @Test("messages name the program, and an exit without a message prints nothing")
    func messages() {
        #expect(message(for: ControlError(.conflict, "phase is Healthy"), of: Root.self) == "mlctl: phase is Healthy")
        #expect(message(for: CommandFailure(.failed, ""), of: Root.self) == nil)
        #expect(message(for: ValidationError("no"), of: Root.self)?.hasPrefix("Error: no") == true)
    }

    private struct Root: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mlctl",
            subcommands: [
                StatusCommand.self, EventsCommand.self, LogsCommand.self, WaitCommand.self, PauseCommand.self,
            ])
    }
}
