import CLinuxProcess
import Glibc

/// One process, by pid *and* start time: a pid alone may belong to another process by now.
struct ProcessIdentity: Hashable, Codable, Sendable {
    var pid: Int32
    /// Clock ticks after boot.
    var startTime: UInt64

    init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    init?(running pid: Int32) {
        guard let entry = ProcessTable.Entry(pid: pid), !entry.isZombie else { return nil }
        self.init(pid: pid, startTime: entry.startTime)
    }

    init(_ entry: ProcessTable.Entry) { self.init(pid: entry.pid, startTime: entry.startTime) }

    var isAlive: Bool {
        guard let entry = ProcessTable.Entry(pid: pid) else { return false }
        return entry.startTime == startTime && !entry.isZombie
    }

    /// Signals exactly this process or none: the descriptor is opened before the start time is compared.
    func signal(_ signal: Int32) {
        let raw = clp_pidfd_open(pid)
        guard raw >= 0 else { return }
        let descriptor = Descriptor(raw)
        guard isAlive else { return }
        _ = withExtendedLifetime(descriptor) { clp_pidfd_send_signal(raw, signal) }
    }
}

/// Identifies the processes of an instance when their keeper cannot: by `MLCTL_INSTANCE` in the environment they were started
/// with. Servers that overwrite their environment to change their title are identified by the instance's log pipe, which is their
/// stdout or stderr.
struct ProcessMark: Hashable, Codable, Sendable {
    static let variable = "MLCTL_INSTANCE"

    /// `<ID of the state folder>/<ID of the instance>`.
    var value: String
    var logPipe: String?

    init(_ value: String, logPipe: String? = nil) {
        self.value = value
        self.logPipe = logPipe
    }

    func marks(_ pid: Int32) -> Bool {
        if let environment = readSmallFile("/proc/\(pid)/environ", limit: 1 << 20),
            Self.environment(environment, holds: "\(Self.variable)=\(value)")
        {
            return true
        }
        guard let logPipe else { return false }
        return linkTarget(of: "/proc/\(pid)/fd/1") == logPipe || linkTarget(of: "/proc/\(pid)/fd/2") == logPipe
    }

    /// Whether exactly this process is alive and carries the mark.
    func vouches(for identity: ProcessIdentity) -> Bool { identity.isAlive && marks(identity.pid) }

    /// Every running process with the mark, and their descendants. Never this process itself.
    func tree(in table: ProcessTable = .now()) -> [ProcessTable.Entry] {
        let own = getpid()
        return table.tree { !$0.isZombie && $0.pid != own && marks($0.pid) }.filter { !$0.isZombie && $0.pid != own }
    }

    /// `environment` is NUL-separated, as in `/proc/<pid>/environ`.
    static func environment(_ environment: [UInt8], holds assignment: String) -> Bool {
        environment.split(separator: 0).contains { $0.elementsEqual(assignment.utf8) }
    }

}
