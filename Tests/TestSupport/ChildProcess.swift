import Foundation
import Glibc
import Synchronization

/// A program that a test runs. It is spawned directly, so that it works on any thread.
///
/// Foundation's `Process` passes the signal mask of the calling thread to its child. On a thread of the concurrency pool that
/// mask blocks SIGTERM. It also waits for the child on queues that such waits can exhaust.
package final class ChildProcess {
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    package enum Output {
        /// The test reads the output; errors go to the test's own standard error.
        case pipe
        case pipeWithErrors
        /// Appended to files. So a child that outlives the test holds no end of a pipe.
        case files(output: String, errors: String)
    }

    /// The first descriptor after standard input, output and error.
    private static let firstInherited: Int32 = 3

    package let pid: pid_t
    private let output: FileHandle
    /// The child's standard input. It closes when the test ends, however that happens.
    private let lifeline: FileHandle
    private var status: Int32?
    /// Held from the creation of a pipe until it is marked and its child has started, so that no other child inherits it.
    private static let starting = Mutex(())

    /// - Parameters:
    ///   - command: the program, looked up on the PATH, and its arguments.
    ///   - environment: added to the test's own.
    package init(_ command: [String], environment: [String: String] = [:], output: Output = .pipe) throws {
        let (input, output, pid) = try Self.starting.withLock { _ in
            try Self.spawn(command, environment: environment, output: output)
        }
        self.pid = pid
        self.output = output
        lifeline = input
    }

    private static func spawn(
        _ command: [String], environment: [String: String], output destination: Output
    ) throws -> (input: FileHandle, output: FileHandle, pid: pid_t) {
        let input = try pipe()
        let output = try pipe()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input.reading.fileDescriptor, 0)
        switch destination {
        case .pipe: posix_spawn_file_actions_adddup2(&actions, output.writing.fileDescriptor, 1)
        case .pipeWithErrors:
            posix_spawn_file_actions_adddup2(&actions, output.writing.fileDescriptor, 1)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        case .files(let output, let errors):
            let flags = O_WRONLY | O_CREAT | O_APPEND
            posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o600)
            posix_spawn_file_actions_addopen(&actions, 2, errors, flags, 0o600)
        }
        // A socket that a child inherited would stay open after the test closes it.
        for descriptor in Self.openDescriptors where descriptor >= Self.firstInherited {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var values: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + values { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, command[0], &actions, &attributes, &arguments, &values)
        guard code == 0 else { throw Failure(description: "\(command): \(String(cString: strerror(code)))") }
        return (input.writing, output.reading, pid)
    }

    /// Some descriptors may be closed by the time of the start, which is harmless.
    private static var openDescriptors: [Int32] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        return (names ?? []).compactMap { Int32($0) }
    }

    /// Closed in every other child: an inherited end would hide that this one has closed.
    private static func pipe() throws -> (reading: FileHandle, writing: FileHandle) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw Failure(description: "pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (
            FileHandle(fileDescriptor: ends[0], closeOnDealloc: true),
            FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
        )
    }

    deinit { stop() }

    /// Runs a command to its end.
    ///
    /// - Returns: its output, trimmed.
    /// - Throws: `Failure` with its output if it failed.
    @discardableResult
    package static func run(_ command: [String], environment: [String: String] = [:]) throws -> String {
        let child = try ChildProcess(command, environment: environment, output: .pipeWithErrors)
        try child.lifeline.close()
        let text = String(decoding: try child.output.readToEnd() ?? Data(), as: UTF8.self)
        guard try child.wait() == 0 else { throw Failure(description: "\(command): \(text)") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    package var isRunning: Bool {
        reap(WNOHANG)
        return status == nil
    }

    package func terminate() { if isRunning { kill(pid, SIGTERM) } }

    /// Waits for the process to end; kills it after `limit`.
    ///
    /// - Returns: its exit code, or 128 plus the signal's number if a signal ended it.
    @discardableResult
    package func wait(limit: Duration = .seconds(120)) throws -> Int32 {
        let end = ContinuousClock.now + limit
        while isRunning {
            guard ContinuousClock.now < end else {
                stop()
                throw Failure(description: "process \(pid) did not end within \(limit)")
            }
            usleep(2000)
        }
        return status ?? 0
    }

    private func reap(_ options: Int32) {
        var raw: Int32 = 0
        guard status == nil, waitpid(pid, &raw, options) == pid else { return }
        status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
    }

    /// The next line of its output; nil at the end.
    package func readLine() throws -> String? {
        var line = Data()
        while let byte = try output.read(upToCount: 1), !byte.isEmpty {
            if byte[byte.startIndex] == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    package func stop() {
        guard isRunning else { return }
        kill(pid, SIGKILL)
        reap(0)
    }
}
