import Analysis
import Foundation
import JSON
import ModelManifests
import Synchronization

/// A command that prints one value: a number, or JSON. For JSON, the query is the path of a number in it.
///
/// A new process is started for each measurement, without a shell, in `/`, with the query as `MLCTL_QUERY` in its environment.
/// `$(NAME)` is replaced in its arguments.
package struct CommandSource: Sendable {
    package static let defaultTimeout: Duration = .seconds(10)

    private let command: [String]
    private let timeout: Duration
    private let inherited: [String: String]

    /// - Parameters:
    ///   - command: the program, by name or absolute path, and its arguments.
    ///   - environment: the controller's; only PATH, HOME, LANG and TMPDIR are passed on.
    package init(
        command: [String], timeout: Duration = defaultTimeout,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.command = command
        self.timeout = timeout
        inherited = environment.filter { CheckEnvironment.inheritedNames.contains($0.key) }
    }

    package func value(of query: String) async -> Measured {
        let variables = inherited.merging(["MLCTL_QUERY": query]) { $1 }
        let session = SessionCommand(
            words: command.map { VariableReferences.replaced(in: $0, by: variables) }, environment: variables,
            folder: "/", timeout: timeout)
        let answer = Mutex(CommandAnswer())
        let end = await session.run { stream, bytes in answer.withLock { $0.take(bytes, from: stream) } }
        return answer.withLock { $0.measured(end, query: query, timeout: timeout) }
    }
}

/// The output of a command source, and its meaning.
struct CommandAnswer: Sendable {
    static let bytesLimit = 1 << 20
    private static let lastWordsBytes = 300

    private var output = LastBytes(limit: bytesLimit)
    private var errors = LastBytes(limit: lastWordsBytes)

    mutating func take(_ bytes: UnsafeRawBufferPointer, from stream: SessionCommand.Stream) {
        switch stream {
        case .output: output.append(bytes)
        case .errors: errors.append(bytes)
        }
    }

    func measured(_ end: SessionCommand.End, query: String, timeout: Duration) -> Measured {
        switch end {
        case .exited(0) where output.isCut: .error("it printed more than 1 MiB: it must print one number")
        case .exited(0): Self.measured(output.text, query: query)
        case .exited(let code): .error("exit code \(code)\(lastWords)")
        case .signalled(let signal): .error("it was ended by signal \(signal)\(lastWords)")
        case .timedOut: .error("it did not end within \(timeout.goText) and was ended\(lastWords)")
        case .cancelled: .error("it was ended because the controller stopped")
        case .failed(let why): .error(why)
        }
    }

    private var lastWords: String {
        let text = errors.text.trimmingCharacters(in: .whitespacesAndNewlines)
        return text.isEmpty ? "" : ": \(text)"
    }

    private static func measured(_ output: String, query: String) -> Measured {
        let text = output.trimmingCharacters(in: .whitespacesAndNewlines)
        if text.isEmpty { return .noData("it printed nothing") }
        if let number = Double(text) { return number.isFinite ? .value(number) : .noData("it printed \(text)") }
        guard let path = JSONPath(query.trimmingCharacters(in: .whitespaces)) else {
            return .error("the query is not a JSON path: write it as accuracy or results[0].value")
        }
        return NumberAtPath.measure(path, in: Data(text.utf8))
    }
}
