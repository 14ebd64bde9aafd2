import Glibc

/// The resources that one process has used so far, from `/proc/<pid>/stat`.
struct ProcessUsage: Equatable, Sendable {
    private static let secondsPerTick = 1 / Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
    private static let bytesPerPage = max(sysconf(Int32(_SC_PAGESIZE)), 1)

    /// Clock ticks after boot.
    var startTime: UInt64
    /// User and system time of the process and of the children that it waited for.
    var cpuTicks: UInt64
    var residentPages: Int

    /// - Returns: nil if there is no such process.
    init?(pid: Int32) {
        guard let stat = readSmallFile("/proc/\(pid)/stat", limit: 4096) else { return nil }
        self.init(stat: stat)
    }

    /// Fields 14 to 17 (utime, stime, cutime, cstime), 22 (start time) and 24 (resident pages) of proc(5), counted from the last
    /// bracket, because the name can contain spaces.
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

/// The resources that a server and its descendants have used.
struct TreeUsage: Equatable, Sendable {
    /// Includes ended processes. Those that no parent waited for are included only if there is a cgroup.
    var cpuSeconds: Double
    /// Resident memory now. Memory that two processes share counts twice.
    var memoryBytes: Int

    init(cpuSeconds: Double, memoryBytes: Int) {
        self.cpuSeconds = cpuSeconds
        self.memoryBytes = memoryBytes
    }

    /// - Parameter group: the path of the instance's own cgroup, if it has one.
    /// - Returns: nil if the server no longer runs.
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
