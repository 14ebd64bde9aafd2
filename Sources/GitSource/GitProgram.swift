import Foundation
import Subprocess

/// Runs git: no shell, no terminal, a time limit, bounded output, and a session of its own that is ended as a whole.
struct GitProgram: Sendable {
    struct Output: Sendable {
        var isSuccess: Bool
        /// The exit code; nil where a signal ended it.
        var exitCode: Int?
        var bytes: [UInt8]
        var errors: String

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    static let maximumErrorBytes = 256 * 1024
    static let smallOutputBytes = 1 << 20
    /// Between the polite signal and the other one. git uses it to take its lock files away.
    static let graceOnStop = Duration.milliseconds(500)

    let environment: GitEnvironment
    let location: GitLocation

    /// - Parameters:
    ///   - input: bytes for standard input.
    ///   - limit: the most bytes that are taken from standard output.
    ///   - task: what is being done, for messages: "reading the branch".
    /// - Returns: what git said, whether it succeeded or not.
    /// - Throws: `GitError` for what kept git from ending by itself; `CancellationError`.
    func run(
        _ arguments: [String], input: [UInt8] = [], limit: Int = smallOutputBytes, timeout: Duration, task: String
    ) async throws -> Output {
        try await withThrowingTaskGroup(of: Output?.self) { group in
            group.addTask { try await start(arguments, input: input, limit: limit, task: task) }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            try Task.checkCancellation()
            guard let output = first else {
                throw GitError(
                    .timedOut,
                    "\(task) from \(location) took longer than \(timeout) and was stopped. Check that the "
                        + "repository answers."
                )
            }
            return output
        }
    }

    private func start(_ arguments: [String], input: [UInt8], limit: Int, task: String) async throws -> Output {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.graceOnStop)
        ]
        let variables = environment.variables.reduce(into: [Environment.Key: String]()) { result, variable in
            if let key = Environment.Key(rawValue: variable.key) { result[key] = variable.value }
        }
        let configuration = Configuration(
            executable: .name("git"), arguments: Arguments(["-C", "/"] + arguments), environment: .custom(variables),
            platformOptions: options)
        do {
            if input.isEmpty {
                let result = try await Subprocess.run(
                    configuration, input: .none, output: .bytes(limit: limit),
                    error: .string(limit: Self.maximumErrorBytes))
                return output(result.terminationStatus, result.standardOutput, result.standardError)
            }
            let result = try await Subprocess.run(
                configuration, input: .array(input), output: .bytes(limit: limit),
                error: .string(limit: Self.maximumErrorBytes))
            return output(result.terminationStatus, result.standardOutput, result.standardError)
        } catch let error as SubprocessError {
            throw failure(error, limit: limit, task: task)
        }
    }

    private func output(_ status: TerminationStatus, _ bytes: [UInt8], _ errors: String) -> Output {
        var exitCode: Int?
        if case .exited(let code) = status { exitCode = Int(code) }
        return Output(
            isSuccess: status.isSuccess, exitCode: exitCode, bytes: bytes, errors: location.redacted(errors))
    }

    private func failure(_ error: SubprocessError, limit: Int, task: String) -> any Error {
        if Task.isCancelled { return CancellationError() }
        return switch error.code {
        case .executableNotFound:
            GitError(.gitMissing, "There is no git program on the PATH. Install git and start again.")
        case .outputLimitExceeded:
            GitError(
                .tooLarge,
                "\(task) from \(location) gave more than \(limit) bytes. Point --path at a smaller folder.")
        default:
            GitError(.failed, "\(task) from \(location) could not run git: \(location.redacted("\(error)"))")
        }
    }
}
