import CLinuxProcess
import Glibc

/// How a process ended.
enum ExitStatus: Hashable, Codable, Sendable {
    case exited(Int32)
    case signalled(Int32)
    /// The process was not a child of this keeper, because the keeper that started it was killed.
    case unknown

    init(waitStatus: Int32) {
        self =
            clp_exited(waitStatus) != 0 ? .exited(clp_exit_code(waitStatus)) : .signalled(clp_term_signal(waitStatus))
    }

    var spoken: String {
        switch self {
        case .exited(let code): "the server exited with status \(code)"
        case .signalled(SIGKILL): "the server was killed by signal 9 (it may have run out of memory)"
        case .signalled(let signal): "the server was killed by signal \(signal) (\(String(cString: strsignal(signal))))"
        case .unknown: "the server ended"
        }
    }
}

extension Duration {
    /// Truncated, not rounded.
    var wholeMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }

    /// `250ms`, `1.5s`, `10m`.
    var spoken: String {
        let milliseconds = wholeMilliseconds
        if milliseconds < 1000 { return "\(milliseconds)ms" }
        if milliseconds % 60_000 == 0 { return "\(milliseconds / 60_000)m" }
        if milliseconds % 1000 == 0 { return "\(milliseconds / 1000)s" }
        return "\(milliseconds / 1000).\(milliseconds % 1000 / 100)s"
    }
}
