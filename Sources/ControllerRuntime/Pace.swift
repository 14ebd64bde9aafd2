/// Limits how often one key may run: a burst without delay, then at most one pass per `floor`. While the key keeps
/// coming back at once, the delay doubles up to `cap`.
///
/// A key that becomes due again and again (a change that its own pass causes, a delay of zero) then costs a few passes
/// a second and not a CPU core.
package struct PaceLimits: Hashable, Sendable {
    /// The number of passes in a row that run without delay.
    package var burst: Int
    /// The time between two passes in the long run.
    package var floor: Duration
    /// The longest time between two passes of a key that is always due. This is also how late such a key sees a change.
    package var cap: Duration

    package init(burst: Int = 25, floor: Duration = .milliseconds(200), cap: Duration = .seconds(1)) {
        self.burst = max(burst, 1)
        self.floor = max(floor, .milliseconds(1))
        self.cap = max(cap, self.floor)
    }
}

/// How fast one key comes back. A pure value: time is passed in.
struct Pace<Instant: InstantProtocol>: Sendable where Instant.Duration == Duration {
    private var lastStart: Instant
    /// The part of the burst that passes have used and time has not yet restored.
    private var debt: Duration = .zero
    /// Starts that had to be delayed, minus later starts that came at their own time.
    private var heat = 0
    private var isPutOff = false

    /// The limit of `heat`. At this value the delay is already at its cap; a higher value would only take longer to
    /// cool down.
    private static var mostHeat: Int { 8 }

    init(now: Instant) { lastStart = now }

    /// When a pass that is wanted at `dueAt` may begin.
    ///
    /// - Returns: nil if it may begin now.
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
