import Foundation
import SafeText
import Subprocess
import SystemPackage

/// Runs git without a terminal, with a time limit, and with bounds on output, memory and files. git gets its own session, so that
/// it can be ended together with its children.
struct GitProgram: Sendable {
    struct Output: Sendable {
        var isSuccess: Bool
        /// The exit code; nil if a signal ended git.
        var exitCode: Int?
        var bytes: [UInt8]
        var errors: String

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    static let maximumErrorBytes = 256 * 1024
    static let smallOutputBytes = 1 << 20
    /// The file size limit of calls that write little.
    static let smallFileBytes = 64 << 20
    /// The time between SIGTERM and SIGKILL. git uses it to remove its lock files.
    static let graceOnStop = Duration.milliseconds(500)
    /// The shell's exit code if a program does not exist.
    private static let notFoundCode = 127

    /// Sets system limits for git and its children, then becomes git. XFSZ is ignored, so that a write above the limit is an
    /// error that git reports, and not a signal that kills it. No value is inserted into the script: git's arguments are passed
    /// as the shell's arguments.
    private static let start =
        "ulimit -c 0; ulimit -f \"$1\"; ulimit -v \"$2\" 2>/dev/null; trap '' XFSZ; shift 2; "
    /// Credentials arrive on standard input, and are moved to another descriptor.
    private static let startWithCredentials = start + "exec \(CredentialHelper.descriptor)<&0 </dev/null; "
    private static let becomeGit = "exec git -C / \"$@\""
    /// The unit of `ulimit -f` in POSIX.
    private static let blockBytes = 512

    let environment: GitEnvironment
    let location: GitLocation
    var credentials: GitCredentialSource?
    var limits = GitLimits()

    /// - Parameters:
    ///   - reaches: which remote git may contact.
    ///   - settings: git settings for this call.
    ///   - variables: environment variables for this call.
    ///   - input: bytes for standard input, for a call that contacts no remote.
    ///   - limit: the maximum of standard output, in bytes.
    ///   - fileBytes: the maximum size of a file that git writes.
    ///   - task: what is being done, for messages: "Reading the branch".
    /// - Returns: git's output, whether it succeeded or not.
    /// - Throws: `GitError` if git could not run to its end; `CancellationError`.
    func run(
        _ arguments: [String], reaches: RemoteAccess = .nobody, settings: [GitEnvironment.Setting] = [],
        variables: [String: String] = [:], input: [UInt8] = [], limit: Int = smallOutputBytes,
        fileBytes: Int = smallFileBytes, timeout: Duration, task: String
    ) async throws -> Output {
        let contact = try await contact(reaches, timeout: timeout)
        return try await run(
            Call(
                arguments: arguments, reaches: reaches, settings: settings + (contact?.settings ?? []),
                variables: variables, input: input, limit: limit, fileBytes: fileBytes, task: task,
                credentials: reaches == .source ? contact?.credentials : nil, origin: contact?.origin),
            timeout: timeout)
    }

    /// The source in git's arguments: a path, or the placeholder for its address.
    var source: String { location.transport == .file ? location.address : ResolvedAddress.word }

    /// Nil if no remote is contacted over the network.
    private func contact(_ reaches: RemoteAccess, timeout: Duration) async throws -> ResolvedAddress? {
        guard reaches != .nobody, location.transport != .file else { return nil }
        let given = reaches == .source ? try currentCredentials() : nil
        // This call contacts no remote: git only prints how its configuration rewrites the address.
        let written = try await run(
            Call(
                arguments: ["ls-remote", "--get-url", "--", location.address], reaches: .nobody, settings: [],
                variables: [:], input: [], limit: Self.smallOutputBytes, fileBytes: Self.smallFileBytes,
                task: "Reading the address", credentials: nil, origin: nil),
            timeout: timeout)
        return ResolvedAddress(
            address: location.address,
            written: written.isSuccess ? written.text.trimmingCharacters(in: .newlines) : nil, given: given)
    }

    private func run(_ call: Call, timeout: Duration) async throws -> Output {
        let task = call.task
        return try await withThrowingTaskGroup(of: Output?.self) { group in
            group.addTask { try await start(call) }
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

    private struct Call: Sendable {
        var arguments: [String]
        var reaches: RemoteAccess
        var settings: [GitEnvironment.Setting]
        var variables: [String: String]
        var input: [UInt8]
        var limit: Int
        var fileBytes: Int
        var task: String
        var credentials: GitCredentials?
        var origin: String?
    }

    /// Of the file that is named for it.
    private func currentCredentials() throws(GitError) -> GitCredentials? {
        guard let origin = location.origin, let credentials else { return nil }
        return try GitCredentialReader(source: credentials, origin: origin).read()
    }

    private func start(_ call: Call) async throws -> Output {
        var helper: CredentialHelper?
        if let credentials = call.credentials, let origin = call.origin {
            helper = try CredentialHelper(credentials, origin: origin)
        }
        let redactor = SecretRedactor(call.credentials?.secrets ?? [])
        let configuration = configuration(call, helper: helper)
        do {
            if let helper {
                let descriptor = FileDescriptor(rawValue: try helper.open())
                let result = try await Subprocess.run(
                    configuration, input: .fileDescriptor(descriptor, closeAfterSpawningProcess: true),
                    output: .bytes(limit: call.limit), error: .string(limit: Self.maximumErrorBytes))
                return try output(result.terminationStatus, result.standardOutput, result.standardError, redactor)
            }
            if call.input.isEmpty {
                let result = try await Subprocess.run(
                    configuration, input: .none, output: .bytes(limit: call.limit),
                    error: .string(limit: Self.maximumErrorBytes))
                return try output(result.terminationStatus, result.standardOutput, result.standardError, redactor)
            }
            let result = try await Subprocess.run(
                configuration, input: .array(call.input), output: .bytes(limit: call.limit),
                error: .string(limit: Self.maximumErrorBytes))
            return try output(result.terminationStatus, result.standardOutput, result.standardError, redactor)
        } catch let error as SubprocessError {
            throw failure(error, limit: call.limit, task: call.task, redactor)
        }
    }

    private func configuration(_ call: Call, helper: CredentialHelper?) -> Configuration {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.graceOnStop)
        ]
        let variables = environment.variables(reaches: call.reaches, settings: call.settings + (helper?.settings ?? []))
            .merging(call.variables) { $1 }
            .reduce(into: [Environment.Key: String]()) { result, variable in
                if let key = Environment.Key(rawValue: variable.key) { result[key] = variable.value }
            }
        let script = (helper == nil ? Self.start : Self.startWithCredentials) + Self.becomeGit
        let bounds = ["\(max(1, call.fileBytes / Self.blockBytes))", "\(max(1, limits.memoryBytes / 1024))"]
        return Configuration(
            executable: .path("/bin/sh"), arguments: Arguments(["-c", script, "git"] + bounds + call.arguments),
            environment: .custom(variables), platformOptions: options)
    }

    private func output(
        _ status: TerminationStatus, _ bytes: [UInt8], _ errors: String, _ redactor: SecretRedactor
    ) throws(GitError) -> Output {
        var exitCode: Int?
        if case .exited(let code) = status { exitCode = Int(code) }
        if exitCode == Self.notFoundCode { throw Self.noGit }
        return Output(
            isSuccess: status.isSuccess, exitCode: exitCode, bytes: bytes,
            errors: Redaction.withoutUserInfo(redactor.redacted(errors)))
    }

    private static let noGit = GitError(
        .gitMissing, "There is no git program on the PATH. Install git and restart mlctl.")

    private func failure(
        _ error: SubprocessError, limit: Int, task: String, _ redactor: SecretRedactor
    ) -> any Error {
        if Task.isCancelled { return CancellationError() }
        return switch error.code {
        case .executableNotFound:
            GitError(.gitMissing, "There is no /bin/sh, which mlctl needs to start git. Install it and restart mlctl.")
        case .outputLimitExceeded:
            GitError(
                .tooLarge,
                "\(task) from \(location) printed more than \(limit) bytes. Point --path at a smaller folder.")
        default:
            GitError(.failed, "\(task) from \(location) could not run git: \(redactor.redacted("\(error)"))")
        }
    }
}
