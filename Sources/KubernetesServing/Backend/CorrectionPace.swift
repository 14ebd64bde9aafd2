/// How often what somebody else changes is put right: at once a few times, then more and more seldom, so that two who write
/// the same do not race. Pure: times are passed in.
struct CorrectionPace: Hashable, Sendable {
    static let free = 5
    /// Nobody is at it any more once nothing had to be put right for so long, or for twice the interval.
    static let window = Duration.seconds(60)
    /// After the free ones; twice as long after each further one.
    static let interval = Duration.seconds(30)
    static let longestInterval = Duration.seconds(480)

    /// Since somebody began.
    private var count = 0
    private var last = Duration.zero

    func isDue(_ now: Duration) -> Bool {
        guard isGoingOn(now), let pause else { return true }
        return now - last >= pause
    }

    /// True while somebody else is at it.
    func isContested(_ now: Duration) -> Bool { isGoingOn(now) && count > 1 }

    mutating func note(_ now: Duration) {
        count = isGoingOn(now) ? count + 1 : 1
        last = now
    }

    /// What is said while it is contested.
    static func warning(about object: String, writers: [String] = []) -> String {
        "\(object) is changed again and again by \(writers.isEmpty ? "somebody else" : writers.joined(separator: ", ")), and "
            + "put right by mlctl. Let only one of them write it: an autoscaler, another GitOps tool, a second controller?"
    }

    /// Nil: at once.
    private var pause: Duration? {
        guard count >= Self.free else { return nil }
        let doublings = min(count - Self.free, 10)
        return min(Self.interval * (1 << doublings), Self.longestInterval)
    }

    private func isGoingOn(_ now: Duration) -> Bool {
        count > 0 && now - last < max(Self.window, (pause ?? .zero) * 2)
    }
}
