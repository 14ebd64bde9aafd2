import Foundation
import Subprocess
import Synchronization
import SystemPackage

/// A command without a shell, in a session of its own, that ends as a whole: whatever it started ends with it, and all of
/// it with this process.
struct SessionCommand: Sendable {
    enum End: Hashable, Sendable {
        case exited(Int)
        case signalled(Int)
        case timedOut
        /// Its task was cancelled.
        case cancelled
        /// It never ran, or could not be followed. With the reason and what to do.
        case failed(String)
    }

    enum Stream: Sendable { case output, errors }

    static let defaultGrace = Duration.seconds(5)
    private static let lookAgainAfter = Duration.milliseconds(50)

    /// The program, by path or name, and its arguments. A path with a slash that is not absolute is of `folder`.
    var words: [String]
    var environment: [String: String]
    var folder: String
    var timeout: Duration
    /// Between SIGTERM and SIGKILL.
    var grace = defaultGrace

    /// - Parameter take: is given what the command prints, as it comes, from two tasks; what it does not keep is gone.
    func run(_ take: @escaping @Sendable (Stream, UnsafeRawBufferPointer) -> Void) async -> End {
        let session = Mutex<Session?>(nil)
        let started: @Sendable (pid_t) -> Void = { pid in
            let guarded = Session(leader: pid, guardian: GroupGuard(of: pid, grace: grace))
            session.withLock { $0 = guarded }
        }
        let end = await withTaskGroup(of: End?.self) { tasks in
            tasks.addTask { await start(take, started: started) }
            tasks.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            defer { tasks.cancelAll() }
            // An exit code is the command's own word only while nobody has told it to end.
            if let end = await tasks.next() ?? nil, !Task.isCancelled { return end }
            let end = Task.isCancelled ? End.cancelled : .timedOut
            // The other task ends when the command has, which being cancelled makes it do.
            tasks.cancelAll()
            await tasks.waitForAll()
            return end
        }
        if let session = session.withLock({ $0 }) {
            await endRest(of: session.leader, gently: end == .timedOut)
            session.guardian?.end()
        }
        return end
    }

    private struct Session {
        var leader: pid_t
        var guardian: GroupGuard?
    }

    private func start(
        _ take: @escaping @Sendable (Stream, UnsafeRawBufferPointer) -> Void,
        started: @escaping @Sendable (pid_t) -> Void
    ) async -> End {
        do {
            let result = try await Subprocess.run(
                configuration, input: .none, output: .sequence, error: .sequence
            ) { execution in
                started(execution.processIdentifier.value)
                try await withThrowingTaskGroup { readers in
                    for (stream, bytes) in [
                        (Stream.output, execution.standardOutput), (.errors, execution.standardError),
                    ] {
                        readers.addTask {
                            for try await buffer in bytes { buffer.withUnsafeBytes { take(stream, $0) } }
                        }
                    }
                    try await readers.waitForAll()
                }
            }
            return switch result.terminationStatus {
            case .exited(let code): .exited(Int(code))
            case .signaled(let signal): .signalled(Int(signal))
            }
        } catch let error as SubprocessError {
            return .failed(explanation(of: error))
        } catch {
            return .failed("it could not be followed: \(error)")
        }
    }

    private var configuration: Configuration {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: grace)
        ]
        let variables = environment.reduce(into: [Environment.Key: String]()) { result, variable in
            if let key = Environment.Key(rawValue: variable.key) { result[key] = variable.value }
        }
        return Configuration(
            executable: executable, arguments: Arguments(Array(words.dropFirst())), environment: .custom(variables),
            workingDirectory: FilePath(folder), platformOptions: options)
    }

    private var executable: Executable {
        let name = words.first ?? ""
        guard name.contains("/") else { return .name(name) }
        return .path(FilePath(name.hasPrefix("/") ? name : "\(folder)/\(name)"))
    }

    private func explanation(of error: SubprocessError) -> String {
        let name = words.first ?? ""
        return switch error.code {
        case .executableNotFound where name.contains("/"):
            "the command \(name) does not exist, or is not executable. Correct `command`, or run `chmod +x` on it"
        case .executableNotFound:
            "the command \(name) is not on PATH (\(environment["PATH"] ?? "")). Install it, or give its whole path in "
                + "`command`"
        case .failedToChangeWorkingDirectory: "the folder \(folder) cannot be entered: check it and its owner"
        case .spawnFailed:
            "\(name) cannot be started (\(error.underlyingError.map { "\($0)" } ?? "no reason given")): it may lack a "
                + "`#!` line, or be for another machine"
        default: "\(name) could not be followed: \(error)"
        }
    }

    /// Ends what is left of the session's own process group after its leader.
    ///
    /// The leader has been reaped, but its number is not given to another process while one of its group lives; and a
    /// number that has just become free is not given again before all others have been.
    private func endRest(of leader: pid_t, gently: Bool) async {
        var waited = Duration.zero
        while gently, kill(-leader, 0) == 0, waited < grace, !Task.isCancelled {
            try? await Task.sleep(for: Self.lookAgainAfter)
            waited += Self.lookAgainAfter
        }
        kill(-leader, SIGKILL)
    }
}
