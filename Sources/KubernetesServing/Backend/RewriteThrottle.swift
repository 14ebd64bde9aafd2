/// Limits how often mlctl restores what another writer changes: at once a few times, then at growing intervals, so that two
/// writers do not race. Pure: times are passed in.
struct RewriteThrottle: Hashable, Sendable {
    static let free = 5
    /// The other writer has stopped once nothing had to be restored for this long, or for twice the interval.
    static let window = Duration.seconds(60)
    /// The interval after the free corrections; it doubles with each further one.
    static let interval = Duration.seconds(30)
    static let longestInterval = Duration.seconds(480)

    /// Corrections since the other writer began.
    private var count = 0
    private var last = Duration.zero

    func isDue(_ now: Duration) -> Bool {
        guard isOngoing(now), let pause else { return true }
        return now - last >= pause
    }

    /// Whether another writer keeps changing the object.
    func isContested(_ now: Duration) -> Bool { isOngoing(now) && count > 1 }

    mutating func note(_ now: Duration) {
        count = isOngoing(now) ? count + 1 : 1
        last = now
    }

    /// The message while the object is contested.
    static func warning(about object: String, writers: [String] = []) -> String {
        "\(writers.isEmpty ? "another writer" : writers.joined(separator: ", ")) keeps changing \(object), and mlctl keeps "
            + "restoring it. Let only one of them write it. Is it an autoscaler, another GitOps tool, a second controller?"
    }

    /// Nil: no pause.
    private var pause: Duration? {
        guard count >= Self.free else { return nil }
        let doublings = min(count - Self.free, 10)
        return min(Self.interval * (1 << doublings), Self.longestInterval)
    }

    private func isOngoing(_ now: Duration) -> Bool {
        count > 0 && now - last < max(Self.window, (pause ?? .zero) * 2)
    }
}
