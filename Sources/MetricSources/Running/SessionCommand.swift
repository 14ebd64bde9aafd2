import CLinuxProcess
import Foundation
import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// Runs a command without a shell in its own session. When the command ends, or when this process ends, everything in its process
/// group is ended too.
package struct SessionCommand: Sendable {
    package enum End: Hashable, Sendable {
        case exited(Int)
        case signalled(Int)
        case timedOut
        /// The calling task was cancelled.
        case cancelled
        /// It never ran, or its output could not be read. Contains the reason and what to do.
        case failed(String)
    }

    package enum Stream: Sendable { case output, errors }

    package static let defaultGrace = Duration.seconds(5)
    private static let lookAgainAfter = Duration.milliseconds(50)

    /// The program, by path or name, and its arguments. A relative path that contains a slash is relative to `folder`.
    var words: [String]
    var environment: [String: String]
    var folder: String
    var timeout: Duration
    /// The time between SIGTERM and SIGKILL.
    var grace = defaultGrace

    package init(
        words: [String], environment: [String: String], folder: String, timeout: Duration,
        grace: Duration = SessionCommand.defaultGrace
    ) {
        self.words = words
        self.environment = environment
        self.folder = folder
        self.timeout = timeout
        self.grace = grace
    }

    /// - Parameter take: gets the command's output as it comes, from two tasks. The output is kept nowhere else.
    package func run(_ take: @escaping @Sendable (Stream, UnsafeRawBufferPointer) -> Void) async -> End {
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
            // An exit code counts only if the command was not told to end.
            if let end = await tasks.next() ?? nil, !Task.isCancelled { return end }
            let end = Task.isCancelled ? End.cancelled : .timedOut
            // The other task ends when the command has ended; its cancellation ends the command.
            tasks.cancelAll()
            await tasks.waitForAll()
            return end
        }
        if let session = session.withLock({ $0 }) {
            await killRemaining(of: session.leader, gently: end == .timedOut)
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
            return .failed("its output could not be read: \(error)")
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
            "the command \(name) is not on PATH (\(environment["PATH"] ?? "")). Install it, or give its absolute path in "
                + "`command`"
        case .failedToChangeWorkingDirectory:
            "the working folder \(folder) cannot be entered: check that it exists, and its owner"
        case .spawnFailed:
            "\(name) cannot be started (\(error.underlyingError.map { "\($0)" } ?? "no reason given")): it may have no "
                + "`#!` line, or be built for another architecture"
        default: "the output of \(name) could not be read: \(error)"
        }
    }

    /// Ends the processes of the session's process group that outlived its leader.
    ///
    /// The leader has been reaped, but its number is not given to another process while a member of its group lives. A number
    /// that was just freed is not used again before all other numbers have been used.
    private func killRemaining(of leader: pid_t, gently: Bool) async {
        var waited = Duration.zero
        while gently, kill(-leader, 0) == 0, waited < grace, !Task.isCancelled {
            try? await Task.sleep(for: Self.lookAgainAfter)
            waited += Self.lookAgainAfter
        }
        kill(-leader, SIGKILL)
    }
}

/// A small process that ends a command's process group if this process is killed first.
///
/// A parent-death signal would not do: it is sent when the thread that started the command ends, and only to the command itself.
struct GroupGuard: Sendable {
    private let pid: pid_t

    /// - Parameters:
    ///   - grace: the time between SIGTERM and SIGKILL.
    ///   - owner: the process whose end also ends the group.
    /// - Returns: nil if the system has no resources for it, or is too old (Linux before 5.3).
    init?(of group: pid_t, grace: Duration, owner: pid_t = getpid()) {
        let descriptor = clp_pidfd_open(owner)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        pid = clp_guard_group(descriptor, group, Int32(clamping: Int64(grace / .milliseconds(1))))
        if pid <= 0 { return nil }
    }

    /// Call once, when the group has ended: after that, its number may belong to another group.
    func end() { clp_end_guard(pid) }
}
