import Glibc

/// What one process has used by one moment, as `/proc/<pid>/stat` tells of it.
struct ProcessUsage: Equatable, Sendable {
    private static let secondsPerTick = 1 / Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
    private static let bytesPerPage = max(sysconf(Int32(_SC_PAGESIZE)), 1)

    /// Clock ticks after boot.
    var startTime: UInt64
    /// User and system time, of itself and of children that it has waited for.
    var cpuTicks: UInt64
    var residentPages: Int

    /// - Returns: nil when there is no such process.
    init?(pid: Int32) {
        guard let stat = readSmallFile("/proc/\(pid)/stat", limit: 4096) else { return nil }
        self.init(stat: stat)
    }

    /// Fields 14 to 17 (utime, stime, cutime, cstime), 22 (start time) and 24 (resident pages) of proc(5), counted from the
    /// last bracket: the name may hold spaces.
    init?(stat: [UInt8]) {
        guard let nameEnd = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = stat[(nameEnd + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 22)
        guard fields.count >= 22 else { return nil }
        let numbers = fields.map { UInt64(String(decoding: $0, as: UTF8.self)) }
        guard let start = numbers[19], let pages = numbers[21] else { return nil }
        let ticks = numbers[11...14].compactMap(\.self)
        guard ticks.count == 4 else { return nil }
        startTime = start
        cpuTicks = ticks.reduce(0, &+)
        residentPages = Int(clamping: pages)
    }

    var cpuSeconds: Double { Double(cpuTicks) * Self.secondsPerTick }
    var memoryBytes: Int { residentPages.multipliedReportingOverflow(by: Self.bytesPerPage).partialValue }
}

/// What a server and its children have used.
struct TreeUsage: Equatable, Sendable {
    /// Of processes that have ended, too: those that nobody waited for are known where there is a cgroup only.
    var cpuSeconds: Double
    /// Resident, now. What two processes share counts twice.
    var memoryBytes: Int

    init(cpuSeconds: Double, memoryBytes: Int) {
        self.cpuSeconds = cpuSeconds
        self.memoryBytes = memoryBytes
    }

    /// - Parameter group: the path of the instance's own cgroup, if it has one.
    /// - Returns: nil when the server does not run any more.
    init?(server: ProcessIdentity, in table: ProcessTable, group: String?) {
        guard let root = ProcessUsage(pid: server.pid), root.startTime == server.startTime else { return nil }
        let children = table.descendants(of: server.pid).compactMap { entry -> ProcessUsage? in
            guard let usage = ProcessUsage(pid: entry.pid), usage.startTime == entry.startTime else { return nil }
            return usage
        }
        let all = [root] + children
        memoryBytes = all.reduce(0) { $0 + $1.memoryBytes }
        cpuSeconds = group.flatMap { ControlGroup.cpuSeconds($0) } ?? all.reduce(0) { $0 + $1.cpuSeconds }
    }
}
