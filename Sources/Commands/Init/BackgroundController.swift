import ControlAPI
import ControlPorts
import Foundation
import LocalServing
import ModelManifests
import Presentation

/// A controller in a process of its own, which goes on after this command.
struct BackgroundController {
    static let startLimit: Duration = .seconds(30)
    private static let pollInterval: Duration = .milliseconds(100)

    let state: URL

    private var log: URL { state.appending(path: "controller.log") }
    var logPath: String { log.path(percentEncoded: false) }

    /// The controller that runs with this state folder; nil if there is none.
    var running: ControllerRecord? {
        guard let record = ControllerRecord.read(in: state), ControllerRecord.hasSocket(in: state),
            kill(record.pid, 0) == 0 || errno == EPERM
        else { return nil }
        return record
    }

    /// Creates the state folder.
    ///
    /// - Throws: `CommandFailure` if it cannot be written.
    func prepare() throws {
        let path = state.path(percentEncoded: false)
        do {
            try FileManager.default.createDirectory(
                at: state, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure(
                .failed,
                "the state folder \(path) cannot be created: \(error.localizedDescription) Give another --state-dir")
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw CommandFailure(.failed, "the state folder \(path) cannot be written; give another --state-dir")
        }
    }

    /// - Parameter listen: the API's address.
    /// - Returns: its process id.
    /// - Throws: `CommandFailure` if it cannot be started.
    func start(repo: URL, branch: String, listen: String) throws -> Int32 {
        do {
            return try DetachedProcess.start(
                ExecutableLauncher.ownExecutable,
                [
                    "run", "--repo", repo.path(percentEncoded: false), "--branch", branch, "--path",
                    FirstRepository.manifestFolder, "--state-dir", state.path(percentEncoded: false), "--listen",
                    listen,
                    "--interval", "5s",
                ], environment: ProcessInfo.processInfo.environment, log: log)
        } catch let error as LocalServingError {
            throw CommandFailure(.failed, "the controller cannot be started: \(error.message)")
        } catch {
            throw CommandFailure(.failed, "the controller cannot be started: \(error.localizedDescription)")
        }
    }

    /// Waits until it answers.
    ///
    /// - Throws: `CommandFailure` if it ends, or does not answer in time.
    func connect(pid: Int32) async throws -> ControlClient {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < Self.startLimit {
            if let record = running, let server = URL(string: record.api),
                let client = try? ControlClient(
                    socket: ControllerRecord.socket(in: state).path(percentEncoded: false), of: server),
                (try? await client.isReady()) == true
            {
                return client
            }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == 0 else {
                throw CommandFailure(.failed, "the controller ended at once: \(lastLine ?? "see \(logPath)")")
            }
            try await Task.sleep(for: Self.pollInterval)
        }
        throw CommandFailure(.timedOut, "the controller did not answer within \(Self.startLimit); see \(logPath)")
    }

    /// Waits until a deployment is healthy, and reports each change.
    ///
    /// - Returns: its status, healthy or not.
    func follow(
        _ key: DeploymentKey, through client: ControlClient, within limit: Duration, report: (String) -> Void
    ) async throws -> DeploymentStatus? {
        let start = ContinuousClock.now
        var last: DeploymentStatus?
        var told = ""
        while ContinuousClock.now - start < limit {
            if let status = try await client.status().deployments.first(where: { $0.key == key }) {
                last = status
                let line = "\(status.phase.rawValue): \(status.message)"
                if line != told { report(line) }
                told = line
                if status.phase == .healthy, status.endpoint != nil { return status }
            }
            try await Task.sleep(for: Self.pollInterval)
        }
        return last
    }

    private var lastLine: String? {
        guard let text = try? String(contentsOf: log, encoding: .utf8) else { return nil }
        return text.split(whereSeparator: \.isNewline).last.map { String($0.prefix(400)) }
    }
}
