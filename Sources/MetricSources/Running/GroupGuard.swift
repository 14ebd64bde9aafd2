import CLinuxProcess
import Glibc

/// A small process that ends a command's process group if this process is killed first.
///
/// A parent-death signal would not do: it is sent when the thread that started the command ends, and only to the command itself.
struct GroupGuard: Sendable {
    private let pid: pid_t

    /// - Parameters:
    ///   - grace: the time between SIGTERM and SIGKILL.
    ///   - owner: the process whose end also ends the group.
    /// - Returns: nil if the system has no resources for it, or is too old (Linux before 5.3).
    init?(of group: pid_t, grace: Duration, owner: pid_t = getpid()) {
        let descriptor = clp_pidfd_open(owner)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        pid = clp_guard_group(descriptor, group, Int32(clamping: Int64(grace / .milliseconds(1))))
        if pid <= 0 { return nil }
    }

    /// Call once, when the group has ended: after that, its number may belong to another group.
    func end() { clp_end_guard(pid) }
}
