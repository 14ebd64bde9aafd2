/// How often one key may come back: a burst at once, then no more often than `floor`, and less and less often while it
/// still comes back at once.
///
/// Whatever makes a key due again and again (a change that its own pass causes, a delay of zero) then costs some passes a
/// second, not a core.
public struct PaceLimits: Hashable, Sendable {
    /// Passes at once that are nothing out of the ordinary.
    public var burst: Int
    /// Between two passes in the long run.
    public var floor: Duration
    /// Between two passes of a key that never rests: what this is, is also how late it sees a change.
    public var cap: Duration

    public init(burst: Int = 25, floor: Duration = .milliseconds(200), cap: Duration = .seconds(1)) {
        self.burst = max(burst, 1)
        self.floor = max(floor, .milliseconds(1))
        self.cap = max(cap, self.floor)
    }
}

/// How fast one key comes back. A pure value: time is passed in.
struct Pace<Instant: InstantProtocol>: Sendable where Instant.Duration == Duration {
    private var lastStart: Instant
    /// What its passes have taken of the burst, and time has not given back.
    private var debt: Duration = .zero
    /// Starts that had to be put off, less those since that came at their own time.
    private var heat = 0
    private var isPutOff = false

    /// Beyond it the delay is at its cap, and cooling would only take longer.
    private static var mostHeat: Int { 8 }

    init(now: Instant) { lastStart = now }

    /// When a pass that is wanted at `dueAt` may begin.
    ///
    /// - Returns: nil where it may begin now.
    mutating func putOff(now: Instant, limits: PaceLimits) -> Instant? {
        let left = debt(at: now)
        let owed = left - limits.floor * (limits.burst - 1)
        var earliest = owed > .zero ? now.advanced(by: owed) : now
        if heat > 0 { earliest = max(earliest, lastStart.advanced(by: delay(limits))) }
        guard earliest > now else { return nil }
        isPutOff = true
        return earliest
    }

    mutating func starts(wantedAt dueAt: Instant, now: Instant, limits: PaceLimits) {
        if isPutOff {
            heat = min(heat + 1, Self.mostHeat)
        } else if lastStart.duration(to: dueAt) >= limits.floor {
            heat = max(heat - 1, 0)
        }
        debt = debt(at: now) + limits.floor
        lastStart = now
        isPutOff = false
    }

    func isAtRest(at now: Instant) -> Bool { heat == 0 && debt(at: now) == .zero }

    private func debt(at now: Instant) -> Duration { max(.zero, debt - lastStart.duration(to: now)) }

    private func delay(_ limits: PaceLimits) -> Duration {
        min(limits.cap, limits.floor * Double(1 << min(heat - 1, 20)))
    }
}
