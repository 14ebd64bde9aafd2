import Glibc

/// The machine's processes at one moment, from `/proc/<pid>/stat`.
struct ProcessTable: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var pid: Int32
        var parent: Int32
        var session: Int32
        /// Clock ticks after boot. Together with the pid this identifies one process forever.
        var startTime: UInt64
        /// The process has ended, but its parent has not reaped it.
        var isZombie: Bool
    }

    var entries: [Entry]

    /// The children of `root`, their children and so on, without `root` itself.
    func descendants(of root: Int32) -> [Entry] { descendants(of: [root]) }

    func descendants(of roots: Set<Int32>) -> [Entry] {
        let children = Dictionary(grouping: entries, by: \.parent)
        var found: [Entry] = []
        var seen = roots
        var open = Array(roots)
        while let parent = open.popLast() {
            for child in children[parent] ?? [] where seen.insert(child.pid).inserted {
                found.append(child)
                open.append(child.pid)
            }
        }
        return found.sorted { $0.pid < $1.pid }
    }

    /// Processes with a mark, and their descendants.
    func tree(markedBy isMarked: (Entry) -> Bool) -> [Entry] {
        let marked = entries.filter(isMarked)
        let below = descendants(of: Set(marked.map(\.pid)))
        return (marked + below).sorted { $0.pid < $1.pid }
    }

    static func now() -> ProcessTable {
        guard let folder = opendir("/proc") else { return ProcessTable(entries: []) }
        defer { closedir(folder) }
        var entries: [Entry] = []
        while let item = readdir(folder) {
            let pid = withUnsafeBytes(of: &item.pointee.d_name) { Entry.pid(fromName: $0) }
            guard let pid, let entry = Entry(pid: pid) else { continue }
            entries.append(entry)
        }
        return ProcessTable(entries: entries)
    }
}

extension ProcessTable.Entry {
    /// - Returns: nil if there is no such process.
    init?(pid: Int32) {
        guard let stat = readSmallFile("/proc/\(pid)/stat", limit: 4096) else { return nil }
        self.init(stat: stat)
    }

    /// One line of `/proc/<pid>/stat` (proc(5)): `pid (name) state ppid pgrp session …`, with the start time in field 22. The
    /// name can contain spaces and brackets, so fields are counted from the last bracket.
    init?(stat: [UInt8]) {
        guard let nameStart = stat.firstIndex(of: UInt8(ascii: "(")),
            let nameEnd = stat.lastIndex(of: UInt8(ascii: ")")), nameEnd > nameStart,
            let pid = Int32(String(decoding: stat[0..<nameStart].dropLast(), as: UTF8.self))
        else { return nil }
        let fields = stat[(nameEnd + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 21)
        guard fields.count >= 20, let state = fields[0].first, let parent = Self.number(fields[1]),
            let session = Self.number(fields[3]), let startTime = Self.number(fields[19])
        else { return nil }
        self.pid = pid
        self.parent = Int32(truncatingIfNeeded: parent)
        self.session = Int32(truncatingIfNeeded: session)
        self.startTime = UInt64(startTime)
        isZombie = state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for digit in digits {
            guard digit >= 48, digit <= 57 else { return nil }
            let (product, isTooMuch) = value.multipliedReportingOverflow(by: 10)
            let (sum, isMore) = product.addingReportingOverflow(Int(digit - 48))
            guard !isTooMuch, !isMore else { return nil }
            value = sum
        }
        return digits.isEmpty ? nil : value
    }

    static func pid(fromName name: UnsafeRawBufferPointer) -> Int32? {
        var value: Int32 = 0
        for byte in name {
            if byte == 0 { return value > 0 ? value : nil }
            guard byte >= 48, byte <= 57, value < 100_000_000 else { return nil }
            value = value * 10 + Int32(byte - 48)
        }
        return nil
    }
}
