/// How often what somebody else changes is put right: at once a few times, then more and more seldom, so that two who write
/// the same do not race. Pure: times are passed in.
struct CorrectionPace: Hashable, Sendable {
    static let free = 5
    static let window = Duration.seconds(60)
    /// After the free ones.
    static let interval = Duration.seconds(30)

    private var made: [Duration] = []

    func isDue(_ now: Duration) -> Bool {
        let recent = recent(now)
        guard recent.count >= Self.free, let last = recent.last else { return true }
        return now - last >= Self.interval
    }

    /// True while somebody else is at it.
    func isContested(_ now: Duration) -> Bool { recent(now).count > 1 }

    mutating func note(_ now: Duration) { made = recent(now).suffix(Self.free) + [now] }

    /// What is said while it is contested.
    static func warning(about object: String, writers: [String] = []) -> String {
        "\(object) is changed again and again by \(writers.isEmpty ? "somebody else" : writers.joined(separator: ", ")), and "
            + "put right by mlctl. Let only one of them write it: an autoscaler, another GitOps tool, a second controller?"
    }

    private func recent(_ now: Duration) -> [Duration] { made.filter { now - $0 < Self.window } }
}
