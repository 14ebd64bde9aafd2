import CLinuxProcess
import Foundation
import Glibc
import Synchronization

/// The processes of the data plane, which outlive the controller.
public enum DataPlaneRole: Hashable, Sendable {
    case keeper(instance: String)
    case proxy
}

public protocol ProcessLauncher: Sendable {
    /// Starts it, and does not wait for it.
    func launch(_ role: DataPlaneRole) throws -> any LaunchedProcess
}

public protocol LaunchedProcess: Sendable {
    /// False once it has ended; looking also reaps it.
    var isRunning: Bool { get }
    /// How it ended, for people: `exit status 1`; nil while it runs, and where it is not known.
    var ending: String? { get }
}

extension LaunchedProcess {
    public var ending: String? { nil }
}

/// Starts `mlctl keeper` and `mlctl proxy`: in a session of their own, in `/`, with the log as their only tie.
public struct ExecutableLauncher: ProcessLauncher {
    private let executable: String
    private let state: StateFolder
    private let environment: [String: String]

    /// Output of a keeper or the proxy that is kept at its next start.
    static let maximumLogBytes = 1 << 20

    /// - Parameters:
    ///   - executable: mlctl itself.
    ///   - environment: the controller's; of it only PATH, HOME, LANG, TMPDIR and LD_LIBRARY_PATH are passed on.
    public init(
        executable: URL = ExecutableLauncher.ownExecutable, stateDirectory: URL,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.executable = executable.path(percentEncoded: false)
        state = StateFolder(stateDirectory)
        self.environment = environment.filter {
            InstanceSpec.inheritedNames.contains($0.key) || $0.key == "LD_LIBRARY_PATH"
        }
    }

    /// Where this program's file is. Resolved once: after an upgrade in place, the path is the new program's.
    public static let ownExecutable = URL(fileURLWithPath: ownPath)

    private static var ownPath: String {
        guard let path = linkTarget(of: "/proc/self/exe") else { return CommandLine.arguments[0] }
        // What the kernel says once the file has been replaced: its successor is at the same path.
        let mark = " (deleted)"
        return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
    }

    public func launch(_ role: DataPlaneRole) throws -> any LaunchedProcess {
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
    /// The mark of a keeper or the proxy themselves. A server's is its instance's own.
    func mark(of role: DataPlaneRole) throws -> String {
        switch role {
        case .keeper(let id): "\(try identity())/keeper/\(id)"
        case .proxy: "\(try identity())/proxy"
        }
    }

    /// Where the proxy's socket and log have to be; nil: in its own folder, as long as that takes files.
    var placeOfProxy: SparePlace? { access(proxy, W_OK) == 0 ? nil : SparePlace.made(for: self) }

    /// What the proxy that was started last wrote.
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
                // A keeper reaps whatever ends below it, and may have been first.
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
