import ArgumentParser
import ControlAPI
import Controller

/// How `mlctl` ends. Scripts depend on these numbers.
enum CommandExit: Int32, Sendable {
    case done = 0
    case failed = 1
    /// Or an invalid manifest.
    case wrongUsage = 2
    /// `wait --for healthy`, but it was rolled back.
    case rolledBack = 3
    case timedOut = 4
    case unreachable = 5
}

/// A command that did not do what was asked.
struct CommandFailure: Error, Hashable, CustomStringConvertible, Sendable {
    var exit: CommandExit
    /// What is wrong and what to do; empty where all has been said.
    var message: String

    init(_ exit: CommandExit, _ message: String) {
        self.exit = exit
        self.message = message
    }

    var description: String { message }
}

/// The number that `mlctl` exits with for an error that a command threw, ArgumentParser's own included.
func exitCode(for error: any Error) -> Int32 {
    switch error {
    case let failure as CommandFailure: return failure.exit.rawValue
    case let error as ControlError:
        switch error.code {
        case .invalid: return CommandExit.wrongUsage.rawValue
        // As good as not reached: one that stands by and cannot ask the one who leads, a site that is away.
        case .unavailable: return CommandExit.unreachable.rawValue
        case .notFound, .conflict: return CommandExit.failed.rawValue
        }
    case ControlClientError.refused: return CommandExit.failed.rawValue
    case is ControlClientError: return CommandExit.unreachable.rawValue
    case let code as ExitCode: return code.rawValue
    default:
        // Asked of any command: what ArgumentParser throws carries the command that it is about.
        let code = StatusCommand.exitCode(for: error)
        return code == .validationFailure ? CommandExit.wrongUsage.rawValue : code.rawValue
    }
}

/// What to print for an error; nil where there is nothing to say.
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
