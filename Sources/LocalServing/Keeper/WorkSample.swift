import CLinuxProcess
import Glibc

/// The work that a server has done for its clients up to one moment. Comparing two samples tells a busy server from a dead one.
struct WorkSample: Hashable, Sendable {
    static let maximumConnections = 4096
    /// Fewer bytes than the head of any answer.
    static let leastAnswerBytes: UInt64 = 16
    /// A server that computes uses at least this share of one core. A server that only waits does not.
    static let leastShareOfACore = 0.1
    private static let ticksPerSecond = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))

    var at: Duration
    /// Acknowledged bytes of the server's answers, by connection.
    var answeredBytes: [UInt32: UInt64]
    /// Connections that the server closed after its answer.
    var closed: Set<UInt32>
    /// A client waits for an answer.
    var hasRequest: Bool
    /// CPU time of all its processes, in clock ticks.
    var processorTicks: UInt64

    init(
        at: Duration, answeredBytes: [UInt32: UInt64] = [:], closed: Set<UInt32> = [], hasRequest: Bool = false,
        processorTicks: UInt64 = 0
    ) {
        self.hasRequest = hasRequest
        self.at = at
        self.answeredBytes = answeredBytes
        self.closed = closed
        self.processorTicks = processorTicks
    }

    /// - Returns: nil if the kernel does not report connections.
    init?(port: Int, tree: [Int32], besides own: Set<Int>, at now: Duration) {
        var found = [clp_connection](repeating: clp_connection(), count: Self.maximumConnections)
        let count = clp_connections_at(UInt16(clamping: port), &found, Int32(found.count))
        guard count >= 0 else { return nil }
        self.init(at: now, processorTicks: tree.reduce(0) { $0 + Self.ticks(of: $1) })
        for connection in found[0..<Int(count)] where !own.contains(Int(connection.peer & 0xffff)) {
            if connection.is_open != 0 {
                answeredBytes[connection.peer] = connection.acknowledged_bytes
                hasRequest = hasRequest || connection.is_waiting != 0
            } else {
                closed.insert(connection.peer)
            }
        }
    }

    /// Whether answers were sent since `before`, or a client waits for an answer that is being computed.
    func showsWork(since before: WorkSample) -> Bool {
        let hasAnswered = answeredBytes.contains { peer, bytes in
            let known = before.answeredBytes[peer] ?? 0
            return bytes >= known + Self.leastAnswerBytes
        }
        if hasAnswered || !closed.subtracting(before.closed).isEmpty { return true }
        let ticks = processorTicks >= before.processorTicks ? processorTicks - before.processorTicks : 0
        let seconds = Double((at - before.at).wholeMilliseconds) / 1000
        return hasRequest && Double(ticks) / Self.ticksPerSecond >= seconds * Self.leastShareOfACore
    }

    /// utime and stime, fields 14 and 15 of `/proc/<pid>/stat` (proc(5)).
    private static func ticks(of pid: Int32) -> UInt64 {
        guard let stat = readSmallFile("/proc/\(pid)/stat", limit: 4096),
            let end = stat.lastIndex(of: UInt8(ascii: ")"))
        else { return 0 }
        let fields = stat[(end + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 14)
        guard fields.count > 12 else { return 0 }
        return [fields[11], fields[12]].reduce(0) { $0 + (UInt64(String(decoding: $1, as: UTF8.self)) ?? 0) }
    }
}
