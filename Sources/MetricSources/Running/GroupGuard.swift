import CLinuxProcess
import Glibc

/// Ends a command's process group should this process be killed before it could: a small process waits for that.
///
/// A parent-death signal would not do: it is sent when the thread ends that started the command, and to the command alone.
struct GroupGuard: Sendable {
    private let pid: pid_t

    /// - Parameters:
    ///   - grace: between SIGTERM and SIGKILL.
    ///   - owner: with whose end the group ends.
    /// - Returns: nil where the system has no room for it, or is too old (Linux before 5.3).
    init?(of group: pid_t, grace: Duration, owner: pid_t = getpid()) {
        let descriptor = clp_pidfd_open(owner)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        pid = clp_guard_group(descriptor, group, Int32(clamping: Int64(grace / .milliseconds(1))))
        if pid <= 0 { return nil }
    }

    /// Once, when the group has ended: from then on its number may be another's.
    func end() { clp_end_guard(pid) }
}
