import CLinuxProcess
import Foundation
import Glibc
import ModelManifests

/// The program to start and its arguments, resolved and expanded.
struct ServerCommand: Equatable, Sendable {
    var program: String
    var arguments: [String]

    /// The runtime preset that runs mlctl itself: it uses this running program, not one found through PATH.
    static let ownPreset = "mlctl"

    /// - Parameter ownProgram: the path of mlctl.
    /// - Throws: `LocalServingError`. `invalidCommand` (terminal) if the manifest can never work. `startFailed` (retried) if this
    ///   machine lacks something. The message says what is missing and what to do.
    init(_ runtime: Runtime, environment: ServerEnvironment, workingFolder: String, ownProgram: String) throws {
        let words = (runtime.command + runtime.args).map(environment.expand)
        guard let name = words.first, !name.isEmpty, !runtime.command.isEmpty else {
            throw Self.error(
                "the runtime has no command. A local target needs `command`; an image alone is not enough.")
        }
        guard !words.contains(where: { $0.utf8.contains(0) }) else {
            throw Self.error("the command contains a NUL character. Remove it.")
        }
        let isOwn = runtime.name == Self.ownPreset && name == Self.ownPreset
        program = try Self.find(
            isOwn ? ownProgram : name, path: environment.variables["PATH"] ?? "", workingFolder: workingFolder)
        arguments = words
    }

    private static func find(_ name: String, path: String, workingFolder: String) throws -> String {
        if name.contains("/") {
            let program = name.hasPrefix("/") ? name : "\(workingFolder)/\(name)"
            switch kind(of: program) {
            case .program: return program
            case .missing: throw missing("the command \(name) does not exist. Install it, or correct `command`.")
            case .notExecutable: throw missing("\(name) is not executable. Run `chmod +x` on it, or correct `command`.")
            }
        }
        var found: String?
        for folder in path.split(separator: ":") {
            let program = "\(folder)/\(name)"
            switch kind(of: program) {
            case .program: return program
            case .notExecutable: found = found ?? program
            case .missing: continue
            }
        }
        if let found { throw missing("\(found) is not executable. Run `chmod +x` on it, or correct `command`.") }
        throw missing("the command \(name) is not on PATH (\(path)). Install it, or give its full path in `command`.")
    }

    private enum Kind { case program, notExecutable, missing }

    private static func kind(of path: String) -> Kind {
        var about = stat()
        guard stat(path, &about) == 0 else { return .missing }
        guard about.st_mode & S_IFMT == S_IFREG else { return .notExecutable }
        return access(path, X_OK) == 0 ? .program : .notExecutable
    }

    static func error(_ message: String) -> LocalServingError {
        LocalServingError(.invalidCommand, message)
    }

    /// An error for something that this machine lacks now and may have later.
    static func missing(_ message: String) -> LocalServingError {
        LocalServingError(.startFailed, message, retry: .waiting)
    }
}

/// Starts a program in a session of its own, with exactly this environment and only the three standard descriptors.
package enum DetachedProcess {
    /// Starts a program that goes on after this process. Its output is appended to a file.
    ///
    /// - Returns: its process id.
    /// - Throws: `LocalServingError`.
    package static func start(
        _ program: URL, _ arguments: [String], environment: [String: String], log: URL
    ) throws -> Int32 {
        let path = program.path(percentEncoded: false)
        return try spawn(
            program: path, arguments: [path] + arguments,
            environment: environment.map { "\($0.key)=\($0.value)" }.sorted(),
            workingFolder: "/", output: .appending(log.path(percentEncoded: false)))
    }

    enum Output {
        /// Opened for reading too, so that writes do not fail while nobody reads.
        case pipe(String)
        case appending(String)
    }

    static func spawn(
        program: String, arguments: [String], environment: [String], workingFolder: String, output: Output,
        confinement: Confinement? = nil
    ) throws -> pid_t {
        let (path, flags) =
            switch output {
            case .pipe(let path): (path, O_RDWR)
            case .appending(let path): (path, O_WRONLY | O_CREAT | O_APPEND)
            }
        var pid: pid_t = 0
        var step: Int32 = 0
        let result = withCStrings(arguments) { argv in
            withCStrings(environment) { envp in
                confinement?.spawn(
                    program, argv, envp, workingFolder: workingFolder, output: path, flags: flags, pid: &pid,
                    step: &step)
                    ?? clp_spawn(program, argv, envp, workingFolder, path, flags, &pid)
            }
        }
        guard result == 0 else {
            let error = SystemError(-result)
            throw confinement?.failure(error, step: step, program, workingFolder: workingFolder)
                ?? failure(error, program)
        }
        return pid
    }

    static func failure(_ error: SystemError, _ program: String) -> LocalServingError {
        switch error.code {
        case ENOENT:
            ServerCommand.missing(
                "\(program) cannot be started: its interpreter (the first line's `#!`) does not exist. "
                    + "Install it, or correct that line.")
        case ENOEXEC:
            ServerCommand.missing(
                "\(program) is not a program for this machine: it lacks a `#!` line, or was built for another processor."
            )
        case EACCES, EPERM:
            ServerCommand.missing(
                "\(program) cannot be started (\(error)). Check its file mode, and whether its file system is mounted noexec."
            )
        case E2BIG:
            ServerCommand.error("\(program): command and environment are too long. Pass less in `args` and `env`.")
        default:
            LocalServingError(
                .startFailed,
                "\(program) cannot be started: \(error). Free memory, processes or file descriptors.")
        }
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return copies.withUnsafeBufferPointer { buffer in
            // The array ends with nil, so it is never empty.
            body(buffer.baseAddress.unsafelyUnwrapped)
        }
    }
}
