import Foundation
import Glibc

/// What the threads of one process have done by one moment: two of them tell a process that is busy from one that hangs.
struct ThreadActivity: Hashable, Sendable {
    struct Thread: Hashable, Sendable {
        /// On a processor, or ready for one and waiting for it.
        var wantedNanoseconds: UInt64 = 0
        /// How often it was given a processor.
        var turns: UInt64 = 0
    }

    /// A thread with fewer is not the proxy's, which looks at its deadlines ten times a second.
    static let leastTurnsPerSecond = 5.0
    static let leastShareOfACore = 0.05

    var at: Duration
    var threads: [String: Thread]

    init(at: Duration, threads: [String: Thread]) {
        self.at = at
        self.threads = threads
    }

    /// - Returns: nil where the kernel does not tell (`/proc/<pid>/task/<tid>/schedstat`).
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

    /// Some thread has run again and again since, or would have if there had been a processor for it.
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
