import ArgumentParser
import ControlAPI
import ControlPorts

/// The exit codes of `mlctl`. Scripts depend on these numbers.
enum CommandExit: Int32, Sendable {
    case done = 0
    case failed = 1
    /// Also an invalid manifest.
    case wrongUsage = 2
    /// `wait --for healthy`, but the version was rolled back.
    case rolledBack = 3
    case timedOut = 4
    case unreachable = 5
}

/// A command failed.
struct CommandFailure: Error, Hashable, CustomStringConvertible, Sendable {
    var exit: CommandExit
    /// What is wrong and what to do; empty where everything was printed already.
    var message: String

    init(_ exit: CommandExit, _ message: String) {
        self.exit = exit
        self.message = message
    }

    var description: String { message }
}

/// The exit code for an error of a command or of ArgumentParser.
func exitCode(for error: any Error) -> Int32 {
    switch error {
    case let failure as CommandFailure: return failure.exit.rawValue
    case let error as ControlError:
        switch error.code {
        case .invalid: return CommandExit.wrongUsage.rawValue
        // Treated as unreachable: a standby controller that cannot reach the leader, or a site that is away.
        case .unavailable: return CommandExit.unreachable.rawValue
        case .notFound, .conflict: return CommandExit.failed.rawValue
        }
    case ControlClientError.refused: return CommandExit.failed.rawValue
    case is ControlClientError: return CommandExit.unreachable.rawValue
    case let code as ExitCode: return code.rawValue
    default:
        // Any command type works here: an error of ArgumentParser contains the command that it is about.
        let code = StatusCommand.exitCode(for: error)
        return code == .validationFailure ? CommandExit.wrongUsage.rawValue : code.rawValue
    }
}

/// The message to print for an error; nil where there is nothing to print.
/// - Parameter command: the root command, for usage and help.
func message(for error: any Error, of command: any ParsableCommand.Type) -> String? {
    let text: String
    switch error {
    case let failure as CommandFailure: text = failure.message
    case let error as ControlError: text = error.message
    case let error as ControlClientError: text = error.description
    default: return command.fullMessage(for: error)
    }
    return text.isEmpty ? nil : "mlctl: \(text)"
}
