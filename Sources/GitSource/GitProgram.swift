import Foundation
import SafeText
import Subprocess
import SystemPackage

/// Runs git: no terminal, a time limit, bounded output, memory and files, and a session of its own that is ended as a whole.
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
    /// Of one file that a call writes which writes none to speak of.
    static let smallFileBytes = 64 << 20
    /// Between the polite signal and the other one. git uses it to take its lock files away.
    static let graceOnStop = Duration.milliseconds(500)
    /// What a shell says of a program that is not there.
    private static let notFoundCode = 127

    /// Sets limits that the system holds git and its children to, and becomes git. A write over the limit is then an error
    /// that git reports, and not a signal that ends it. Nothing is put into the text: git's arguments are the shell's.
    private static let start =
        "ulimit -c 0; ulimit -f \"$1\"; ulimit -v \"$2\" 2>/dev/null; trap '' XFSZ; shift 2; "
    /// Credentials come as standard input, and are handed on under another number.
    private static let startWithCredentials = start + "exec \(CredentialHelper.descriptor)<&0 </dev/null; "
    private static let becomeGit = "exec git -C / \"$@\""
    /// The unit of `ulimit -f` in POSIX.
    private static let blockBytes = 512

    let environment: GitEnvironment
    let location: GitLocation
    var credentials: GitCredentialSource?
    var limits = GitLimits()

    /// - Parameters:
    ///   - reaches: whom it may talk to.
    ///   - settings: of git, for this call.
    ///   - variables: of the environment, for this call.
    ///   - input: bytes for standard input, of a call that reaches nobody.
    ///   - limit: the most bytes that are taken from standard output.
    ///   - fileBytes: the most that one file may hold which it writes.
    ///   - task: what is being done, for messages: "reading the branch".
    /// - Returns: what git said, whether it succeeded or not.
    /// - Throws: `GitError` for what kept git from ending by itself; `CancellationError`.
    func run(
        _ arguments: [String], reaches: GitReach = .nobody, settings: [GitEnvironment.Setting] = [],
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

    /// What stands for the source in git's arguments.
    var source: String { location.transport == .file ? location.address : SourceContact.word }

    /// Nil where nobody but this machine is talked to.
    private func contact(_ reaches: GitReach, timeout: Duration) async throws -> SourceContact? {
        guard reaches != .nobody, location.transport != .file else { return nil }
        let given = reaches == .source ? try currentCredentials() : nil
        // Asks nobody: git only says what its configuration makes of the address.
        let written = try await run(
            Call(
                arguments: ["ls-remote", "--get-url", "--", location.address], reaches: .nobody, settings: [],
                variables: [:], input: [], limit: Self.smallOutputBytes, fileBytes: Self.smallFileBytes,
                task: "Reading the address", credentials: nil, origin: nil),
            timeout: timeout)
        return SourceContact(
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
        var reaches: GitReach
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
        .gitMissing, "There is no git program on the PATH. Install git and start again.")

    private func failure(
        _ error: SubprocessError, limit: Int, task: String, _ redactor: SecretRedactor
    ) -> any Error {
        if Task.isCancelled { return CancellationError() }
        return switch error.code {
        case .executableNotFound:
            GitError(.gitMissing, "There is no /bin/sh, which git is started with. Install it and start again.")
        case .outputLimitExceeded:
            GitError(
                .tooLarge,
                "\(task) from \(location) gave more than \(limit) bytes. Point --path at a smaller folder.")
        default:
            GitError(.failed, "\(task) from \(location) could not run git: \(redactor.redacted("\(error)"))")
        }
    }
}
