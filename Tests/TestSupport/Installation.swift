import ControlAPI
import ControlPorts
import Foundation
import ModelManifests

/// An mlctl on this machine as a user has it: a git repository, a state folder, and `mlctl run` in a process of its own.
package final class Installation {
    package static let waitLimit: Duration = .seconds(180)

    package let folder: URL
    package let executable: URL
    package let repo: URL
    private var controller: ChildProcess?
    private let environment: [String: String]

    /// - Parameters:
    /// - executable: nil: the `mlctl` that was built with the tests.
    /// - repo: another installation's repository; nil: a new one.
    package init(executable: URL? = nil, environment: [String: String] = [:], repo: URL? = nil) throws {
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appending(path: "mlctl-test-\(UUID().uuidString.prefix(8))")
        self.executable = executable ?? Self.builtExecutable
        self.environment = environment
        self.repo = repo ?? folder.appending(path: "repo")
        for path in ["repo", "marks"] {
            try FileManager.default.createDirectory(
                at: folder.appending(path: path), withIntermediateDirectories: true)
        }
        if repo == nil { try git("init", "--quiet", "--initial-branch=main") }
    }

    package var state: URL { folder.appending(path: "state") }

    package static var builtFolder: String {
        builtExecutable.deletingLastPathComponent().path(percentEncoded: false)
    }

    private static var builtExecutable: URL {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(
            path: "mlctl")
    }

    // MARK: - Git

    @discardableResult
    package func git(_ arguments: String...) throws -> String {
        let identity = [
            "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false",
        ]
        let result = try Self.output(
            ["git", "-C", repo.path(percentEncoded: false)] + identity + arguments, environment: [:])
        guard result.status == 0 else { throw InstallationError("git \(arguments): \(result.error)") }
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// - Returns: the commit's id.
    @discardableResult
    package func commit(_ files: [String: String?], message: String = "change") throws -> String {
        for (path, text) in files {
            let file = repo.appending(path: path)
            if let text {
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try text.write(to: file, atomically: true, encoding: .utf8)
            } else {
                try FileManager.default.removeItem(at: file)
            }
        }
        try git("add", "--all")
        try git("commit", "--quiet", "--allow-empty", "--message", message)
        return try git("rev-parse", "HEAD")
    }

    // MARK: - The controller

    /// - Parameters:
    /// - settings: a settings file whose projects replace the repository.
    /// - address: the repository's address; nil: its folder.
    package func start(_ arguments: [String] = [], settings: URL? = nil, address: String? = nil) async throws {
        let followed =
            settings.map { ["--config", $0.path(percentEncoded: false)] }
            ?? ["--repo", address ?? repo.path(percentEncoded: false)]
        try? FileManager.default.removeItem(at: record)
        let log = folder.appending(path: "controller.log").path(percentEncoded: false)
        let process = try ChildProcess(
            [
                executable.path(percentEncoded: false), "run", "--state-dir", state.path(percentEncoded: false),
                "--listen", "127.0.0.1:0", "--interval", "1h",
            ] + followed + arguments, environment: processEnvironment, output: .files(output: log, errors: log))
        controller = process
        try await until("the controller is ready") {
            guard process.isRunning else {
                throw InstallationError("the controller ended: \(self.controllerLog)")
            }
            guard let client = self.client else { return false }
            return (try? await client.isReady()) == true
        }
    }

    package var controllerLog: String {
        (try? String(contentsOf: folder.appending(path: "controller.log"), encoding: .utf8)) ?? ""
    }

    private var record: URL { state.appending(path: "controller.json") }

    package var api: URL? {
        struct Record: Decodable { var api: String }
        let data = try? Data(contentsOf: record)
        return data.flatMap { try? JSONDecoder().decode(Record.self, from: $0) }.flatMap {
            URL(string: $0.api)
        }
    }

    /// A client over the state folder's socket, which this user's commands use.
    package var client: ControlClient? {
        api.flatMap { try? ControlClient(socket: socket, of: $0) }
    }

    private var socket: String { state.appending(path: "api.sock").path(percentEncoded: false) }

    /// The token that the controller created at its first start, for access over the network.
    package var token: String? {
        let text = try? String(contentsOf: state.appending(path: "token"), encoding: .utf8)
        return text?.trimmingCharacters(in: .newlines)
    }

    package var controllerPid: pid_t? { controller?.pid }

    /// Kills the controller like a power cut: nothing is cleaned up.
    package func killController() {
        controller?.stop()
        controller = nil
    }

    package func stopController() throws {
        controller?.terminate()
        try controller?.wait(limit: Self.waitLimit)
        controller = nil
    }

    /// Stops everything, and removes the folder. Call it at the end of every test.
    package func close() throws {
        try stopController()
        let down = try mlctl("down", "--state-dir", state.path(percentEncoded: false))
        if down.status != 0 { print("mlctl down: \(down.error)") }
        try FileManager.default.removeItem(at: folder)
    }

    // MARK: - Commands

    package struct Output {
        package var status: Int32
        package var output: String
        package var error: String
    }

    /// Runs a command of mlctl against this installation's controller.
    package func mlctl(_ arguments: String...) throws -> Output { try run(arguments) }

    /// The same with an exact list of arguments.
    /// - Parameter environment: more than the commands have anyway.
    package func run(_ arguments: [String], adding environment: [String: String] = [:]) throws -> Output {
        try Self.output(
            [executable.path(percentEncoded: false)] + arguments,
            environment: processEnvironment.merging(environment) { _, new in new })
    }

    /// Runs a line of shell, as a CI system does, with mlctl on the PATH.
    package func run(shell line: String, in folder: URL, adding environment: [String: String]) throws -> Output {
        try Self.output(
            ["/bin/sh", "-ec", "cd \"$0\" && \(line)", folder.path(percentEncoded: false)],
            environment: processEnvironment.merging(environment) { _, new in new })
    }

    /// Runs a controller that is to end by itself, in a mount namespace of its own.
    /// - Parameter script: what is done there first; `$1` is the state folder.
    package func runController(after script: String) throws -> Output {
        try Self.output(
            [
                "unshare", "-m", "sh", "-c", "\(script) && shift && exec \"$@\"", "sh",
                state.path(percentEncoded: false),
                executable.path(percentEncoded: false), "run", "--state-dir", state.path(percentEncoded: false),
                "--listen", "127.0.0.1:0", "--repo", repo.path(percentEncoded: false),
            ], environment: processEnvironment)
    }

    private var processEnvironment: [String: String] {
        var all: [String: String] = [:]
        let path = ProcessInfo.processInfo.environment["PATH"]
        all["PATH"] =
            "\(executable.deletingLastPathComponent().path(percentEncoded: false)):\(path ?? "/usr/bin:/bin")"
        all["MLCTL_SERVER"] = api?.absoluteString
        all["NO_COLOR"] = "1"
        return all.merging(environment) { _, new in new }
    }

    private static func output(_ command: [String], environment: [String: String]) throws -> Output {
        // Files and not pipes: a full pipe would block the command.
        let folder = FileManager.default.temporaryDirectory
        let files = ["out", "err"].map { folder.appending(path: "mlctl-\(UUID().uuidString).\($0)") }
        defer { for file in files { try? FileManager.default.removeItem(at: file) } }
        let paths = files.map { $0.path(percentEncoded: false) }
        let child = try ChildProcess(
            command, environment: environment, output: .files(output: paths[0], errors: paths[1]))
        let status = try child.wait()
        return Output(
            status: status, output: try String(contentsOf: files[0], encoding: .utf8),
            error: try String(contentsOf: files[1], encoding: .utf8))
    }

    // MARK: - Waiting

    package func sync() async throws {
        guard let client else { throw InstallationError("there is no controller") }
        _ = try await client.sync()
    }

    package func status(_ name: String) async throws -> DeploymentStatus? {
        try await client?.status().deployments.first { $0.name == name }
    }

    /// Waits until the deployment's status meets the condition.
    @discardableResult
    package func wait(
        _ name: String, for what: String, limit: Duration = waitLimit,
        until isMet: (DeploymentStatus) -> Bool
    ) async throws -> DeploymentStatus {
        var last: DeploymentStatus?
        do {
            try await until(what, limit: limit) {
                last = (try? await self.status(name)) ?? last
                return last.map(isMet) ?? false
            }
        } catch {
            throw InstallationError(
                "\(error); last status: \(last.map { "\($0)" } ?? "none")\n\(controllerLog.suffix(3000))")
        }
        guard let last else { throw InstallationError("no status of \(name)") }
        return last
    }

    package func until(
        _ what: String, limit: Duration = waitLimit, _ isMet: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if try await isMet() { return }
            try await ContinuousClock().sleep(for: .milliseconds(50))
        }
        throw InstallationError("not met within \(limit): \(what)")
    }

    /// How often a server of this version was started.
    package func starts(of version: String) -> Int {
        let marks = try? String(contentsOf: folder.appending(path: "marks/\(version)"), encoding: .utf8)
        return marks?.split(separator: "\n").count ?? 0
    }
}

package struct InstallationError: Error, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}
