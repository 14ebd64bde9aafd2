import CLinuxProcess
import Foundation
import Glibc
import Synchronization

/// The data plane's processes. They outlive the controller.
package enum DataPlaneRole: Hashable, Sendable {
    case keeper(instance: String)
    case proxy
}

package protocol ProcessLauncher: Sendable {
    /// Starts the process without waiting for it.
    func launch(_ role: DataPlaneRole) throws -> any LaunchedProcess
}

package protocol LaunchedProcess: Sendable {
    /// False once the process has ended. Reading this also reaps it.
    var isRunning: Bool { get }
    /// How the process ended, for messages: `exit status 1`. Nil while it runs, or if this is unknown.
    var ending: String? { get }
}

extension LaunchedProcess {
    package var ending: String? { nil }
}

/// Starts `mlctl keeper` and `mlctl proxy`, each in a session of its own with `/` as working folder. Only the log file connects
/// them to the controller.
package struct ExecutableLauncher: ProcessLauncher {
    private let executable: String
    private let state: StateFolder
    private let environment: [String: String]

    /// A log above this size is renamed to `.1` at the next start of the keeper or proxy.
    static let maximumLogBytes = 1 << 20

    /// - Parameters:
    ///   - executable: the path of mlctl.
    ///   - environment: the controller's environment. Only PATH, HOME, LANG, TMPDIR and LD_LIBRARY_PATH are passed on.
    package init(
        executable: URL = ExecutableLauncher.ownExecutable, stateDirectory: URL,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.executable = executable.path(percentEncoded: false)
        state = StateFolder(stateDirectory)
        self.environment = environment.filter {
            InstanceSpec.inheritedNames.contains($0.key) || $0.key == "LD_LIBRARY_PATH"
        }
    }

    /// The path of this program. Resolved once. After an upgrade in place, the new program is at the same path.
    package static let ownExecutable = URL(fileURLWithPath: ownPath)

    private static var ownPath: String {
        guard let path = linkTarget(of: "/proc/self/exe") else { return CommandLine.arguments[0] }
        // The kernel appends this once the file was replaced. The new program has the path without it.
        let mark = " (deleted)"
        return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
    }

    package func launch(_ role: DataPlaneRole) throws -> any LaunchedProcess {
        var words: [String]
        var log: String
        switch role {
        case .keeper(let id):
            (words, log) = (["keeper", "--state-dir", state.path, "--instance", id], state.instance(id).keeperLog)
        case .proxy:
            (words, log) = (["proxy", "--state-dir", state.path], state.proxyLog)
            if let place = state.placeOfProxy {
                words += ["--control-socket", place.socket]
                log = place.log
            }
        }
        var environment = environment
        environment[ProcessMark.variable] = try state.mark(of: role)
        try StateFile.makeFolder(String(log[..<(log.lastIndex(of: "/") ?? log.startIndex)]))
        Self.bound(log)
        let pid = try DetachedProcess.spawn(
            program: executable, arguments: [executable] + words,
            environment: environment.map { "\($0.key)=\($0.value)" }.sorted(), workingFolder: "/",
            output: .appending(log))
        return ChildProcess(pid: pid)
    }

    private static func bound(_ log: String) {
        var about = stat()
        if stat(log, &about) == 0, about.st_size > maximumLogBytes { rename(log, log + ".1") }
    }
}

extension StateFolder {
    /// The process mark of a keeper or the proxy itself. A server carries the mark of its instance.
    func mark(of role: DataPlaneRole) throws -> String {
        switch role {
        case .keeper(let id): "\(try identity())/keeper/\(id)"
        case .proxy: "\(try identity())/proxy"
        }
    }

    /// The place of the proxy's socket and log if its own folder is not writable. Nil if it is writable.
    var placeOfProxy: FallbackFolder? { access(proxy, W_OK) == 0 ? nil : FallbackFolder.made(for: self) }

    /// The log of the proxy that was started last.
    var logOfProxy: String { placeOfProxy?.log ?? proxyLog }

    func mark(ofServer instance: String) throws -> String { "\(try identity())/\(instance)" }
}

final class ChildProcess: LaunchedProcess, Sendable {
    private struct State {
        var hasEnded = false
        var status: ExitStatus?
    }

    let pid: pid_t
    private let identity: ProcessIdentity?
    private let state = Mutex(State())

    init(pid: pid_t) {
        self.pid = pid
        identity = ProcessIdentity(running: pid)
    }

    var isRunning: Bool {
        state.withLock { state in
            guard !state.hasEnded else { return false }
            var status: Int32 = 0
            if clp_reap(pid, &status) == pid {
                state = State(hasEnded: true, status: ExitStatus(waitStatus: status))
            } else if let identity {
                // A keeper reaps every process below it, so it may have reaped this one first.
                state.hasEnded = ProcessTable.Entry(pid: pid)?.startTime != identity.startTime
            }
            return !state.hasEnded
        }
    }

    var ending: String? {
        switch state.withLock(\.status) {
        case .exited(let code): "exit status \(code)"
        case .signalled(let signal): "signal \(signal)"
        case .unknown, nil: nil
        }
    }
}
