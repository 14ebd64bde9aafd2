import Glibc
import ModelManifests

/// A cgroup (version 2) with the manifest's limits, beside the keeper's own. Possible only if cgroups are delegated to mlctl.
struct ControlGroup: Sendable {
    let path: String

    /// Creates the group and sets the limits.
    /// - Throws: `NotEnforced`, for the status.
    init(instance: String, resources: Resources, root: String = "/sys/fs/cgroup", own: [UInt8]? = nil) throws {
        guard let own = own ?? readSmallFile("/proc/self/cgroup", limit: 1 << 16),
            let line = String(decoding: own, as: UTF8.self).split(separator: "\n").first(where: { $0.hasPrefix("0::/") }
            )
        else { throw NotEnforced("this machine has no cgroup version 2") }
        // A group that contains processes cannot have limited children, so the new group is a sibling of this process's group.
        let ours = root + line.dropFirst(3)
        let parent = ours.lastIndex(of: "/").map { String(ours[..<$0]) } ?? ours
        let controllers = Self.words("\(parent)/cgroup.subtree_control")
        var missing: [String] = []
        if resources.memoryLimitBytes != nil, !controllers.contains("memory") { missing.append("memory") }
        if resources.cpuLimitMillicores != nil, !controllers.contains("cpu") { missing.append("cpu") }
        guard missing.isEmpty else {
            throw NotEnforced(
                "no \(missing.joined(separator: " and ")) cgroup is delegated to mlctl "
                    + "(run it as a systemd service with Delegate=yes)")
        }
        path = "\(parent)/mlctl-\(instance)"
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw NotEnforced("the cgroup \(path) cannot be created: \(SystemError.last)")
        }
        if let bytes = resources.memoryLimitBytes { try set("memory.max", String(bytes)) }
        if let millicores = resources.cpuLimitMillicores { try set("cpu.max", Self.cpuMax(millicores: millicores)) }
    }

    struct NotEnforced: Error, Equatable {
        var why: String
        init(_ why: String) { self.why = why }
    }

    /// `<quota> <period>`, in microseconds.
    static func cpuMax(millicores: Int) -> String { "\(max(millicores, 10) * 100) 100000" }

    func add(_ pid: Int32) throws { try set("cgroup.procs", String(pid)) }

    /// Kills every process of the group at once.
    func kill() { try? set("cgroup.kill", "1") }

    func remove() { rmdir(path) }

    /// The group of an instance, as one of its processes reports it. Nil if it has none.
    static func path(of pid: Int32, instance: String, root: String = "/sys/fs/cgroup") -> String? {
        guard let lines = readSmallFile("/proc/\(pid)/cgroup", limit: 1 << 16),
            let line = String(decoding: lines, as: UTF8.self).split(separator: "\n").first(where: {
                $0.hasPrefix("0::/")
            }),
            line.hasSuffix("/mlctl-\(instance)")
        else { return nil }
        return root + line.dropFirst(3)
    }

    /// CPU time of all processes that were ever in the group, including ended ones. Nil if the kernel does not report it.
    static func cpuSeconds(_ path: String) -> Double? {
        guard let stat = readSmallFile("\(path)/cpu.stat", limit: 4096) else { return nil }
        return cpuSeconds(stat: String(decoding: stat, as: UTF8.self))
    }

    /// Reads `usage_usec 1234567`, which is the first line.
    static func cpuSeconds(stat: String) -> Double? {
        for line in stat.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "usage_usec", let usage = UInt64(words[1]) { return Double(usage) / 1e6 }
        }
        return nil
    }

    private func set(_ file: String, _ value: String) throws {
        let raw = open("\(path)/\(file)", O_WRONLY | O_CLOEXEC)
        guard raw >= 0 else { throw NotEnforced("\(path)/\(file) cannot be opened: \(SystemError.last)") }
        defer { close(raw) }
        guard write(raw, value, value.utf8.count) == value.utf8.count else {
            throw NotEnforced("\(path)/\(file) does not accept \(value): \(SystemError.last)")
        }
    }

    private static func words(_ file: String) -> [Substring] {
        String(decoding: readSmallFile(file, limit: 4096) ?? [], as: UTF8.self).split { $0.isWhitespace }
    }
}
