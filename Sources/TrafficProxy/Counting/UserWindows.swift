import ModelManifests
import Serving

/// Counts users of one sticky route per window of time: every user who sent a request within the window is one unit.
///
/// Windows are the same for all revisions of the route. Bounded: users of a revision beyond `capacity` are not units of the
/// window, and their requests are counted as dropped.
final class UserWindows {
    /// What the requests of one user within the window have in common.
    private struct Unit {
        var allFailed: Bool
        var anyFailed: Bool
        var allRejected: Bool
        /// The latency bucket of the user's fastest request.
        var bucket: UInt8
    }

    /// The users of one revision.
    final class Users {
        private unowned let windows: UserWindows
        /// Whether the open window has no users.
        fileprivate var isEmpty: Bool { units.isEmpty }
        private var units: [UInt64: Unit] = [:]
        // Counters of the windows that have ended.
        private var counters = UserCounters()
        private var fastest = LatencyHistogram()

        fileprivate init(_ windows: UserWindows) { self.windows = windows }

        /// Records that a request of the user ended, or that its client gave up.
        /// - Parameter bucket: the bucket of the latency, or of the time that the client waited.
        func note(_ user: UInt64, isError: Bool, isRejected: Bool, bucket: Int, at now: Int64) {
            windows.turn(at: now)
            if var unit = units[user] {
                unit.allFailed = unit.allFailed && isError
                unit.anyFailed = unit.anyFailed || isError
                unit.allRejected = unit.allRejected && isRejected
                unit.bucket = min(unit.bucket, UInt8(clamping: bucket))
                units[user] = unit
            } else if units.count < windows.capacity {
                units[user] = Unit(
                    allFailed: isError, anyFailed: isError, allRejected: isRejected, bucket: UInt8(clamping: bucket))
            } else {
                counters.dropped += 1
            }
        }

        fileprivate func endWindow() {
            for unit in units.values {
                counters.units += 1
                if unit.allFailed { counters.failed += 1 }
                if unit.anyFailed { counters.touched += 1 }
                if unit.allRejected { counters.rejected += 1 }
                fastest.record(bucket: Int(unit.bucket))
            }
            units.removeAll(keepingCapacity: units.count < windows.capacity / 4)
        }

        fileprivate func report() -> UserCounters {
            var report = counters
            report.windows = windows.ended
            report.slowed = fastest.over
            return report
        }
    }

    private let lengthNanoseconds: Int64
    fileprivate let capacity: Int
    private var ordinal = Int64.min
    /// The number of ended windows that had any units.
    fileprivate private(set) var ended = 0
    private var users: [Revision: Users] = [:]

    init(length: Duration, capacity: Int) {
        lengthNanoseconds = max(1, length.nanosecondsClamped)
        self.capacity = capacity
    }

    /// The users of one revision. They are kept when the routes are replaced.
    func users(of revision: Revision) -> Users {
        if let known = users[revision] { return known }
        let new = Users(self)
        users[revision] = new
        return new
    }

    /// Forgets the users and the counters of all other revisions.
    func keep(_ revisions: some Sequence<Revision>) {
        let kept = Set(revisions)
        users = users.filter { kept.contains($0.key) }
    }

    /// Adds the open window to the counters if it has ended.
    private func turn(at now: Int64) {
        let current = now / lengthNanoseconds
        guard current != ordinal else { return }
        ordinal = current
        guard users.values.contains(where: { !$0.isEmpty }) else { return }
        ended += 1
        for users in users.values { users.endWindow() }
    }

    func report(_ deployment: DeploymentKey, at now: Int64) -> [UserReport] {
        turn(at: now)
        return users.map { UserReport(deployment: deployment, revision: $0.key, users: $0.value.report()) }
    }
}
