import Foundation
import Glibc

/// What the threads of one process did up to one moment. Comparing two of these tells a busy process from a hung one.
struct ThreadActivity: Hashable, Sendable {
    struct Thread: Hashable, Sendable {
        /// Time on a processor, or ready and waiting for one.
        var wantedNanoseconds: UInt64 = 0
        /// How often it was scheduled.
        var turns: UInt64 = 0
    }

    /// The proxy's threads check their deadlines ten times a second. A process with fewer turns than this does not do that.
    static let leastTurnsPerSecond = 5.0
    static let leastShareOfACore = 0.05

    var at: Duration
    var threads: [String: Thread]

    init(at: Duration, threads: [String: Thread]) {
        self.at = at
        self.threads = threads
    }

    /// - Returns: nil if the kernel does not report this (`/proc/<pid>/task/<tid>/schedstat`).
    init?(of pid: Int32, at now: Duration) {
        var threads: [String: Thread] = [:]
        for id in StateFile.names(in: "/proc/\(pid)/task") {
            guard let bytes = readSmallFile("/proc/\(pid)/task/\(id)/schedstat", limit: 256) else { continue }
            let numbers = String(decoding: bytes, as: UTF8.self).split { $0.isWhitespace }.compactMap { UInt64($0) }
            guard numbers.count == 3 else { continue }
            threads[id] = Thread(wantedNanoseconds: numbers[0] &+ numbers[1], turns: numbers[2])
        }
        guard !threads.isEmpty else { return nil }
        self.init(at: now, threads: threads)
    }

    /// Whether a thread ran repeatedly since `before`, or would have if a processor had been free.
    func showsWork(since before: ThreadActivity) -> Bool {
        let seconds = (at - before.at) / .seconds(1)
        return threads.contains { id, thread in
            let former = before.threads[id] ?? Thread()
            let turns = thread.turns - min(former.turns, thread.turns)
            let wanted = thread.wantedNanoseconds - min(former.wantedNanoseconds, thread.wantedNanoseconds)
            return Double(turns) >= seconds * Self.leastTurnsPerSecond
                || Double(wanted) / 1e9 >= seconds * Self.leastShareOfACore
        }
    }
}
