import Foundation

/// Wall time that does not jump. The wall clock is read once; from then on a monotonic clock advances the time. Setting
/// the machine's clock neither ends a pause early nor prolongs it.
///
/// # Guarantees
/// - `now()` never goes back while the process lives, and is never earlier than `floor`. Pass the latest recorded time
///   as `floor`, so that time does not go back over a restart either.
///
/// # Caveats
/// - It does not follow corrections of the wall clock. `skew()` gives the difference. A restart reads the wall clock
///   again.
package struct SteadyClock: Sendable {
    private let anchor: Date
    private let elapsed: @Sendable () -> Duration
    private let wall: @Sendable () -> Date

    /// - Parameters:
    ///   - floor: `now()` never returns an earlier time.
    ///   - wall: the machine's wall clock.
    ///   - monotonic: runs forward only, also while the machine is suspended (`CLOCK_BOOTTIME` on Linux).
    package init<C: Clock>(
        notEarlierThan floor: Date? = nil, wall: @escaping @Sendable () -> Date = { Date() },
        monotonic: C = ContinuousClock()
    ) where C.Duration == Duration {
        let start = monotonic.now
        self.elapsed = { start.duration(to: monotonic.now) }
        self.wall = wall
        anchor = max(wall(), floor ?? .distantPast)
    }

    package func now() -> Date { anchor.addingTimeInterval(elapsed() / .seconds(1)) }

    /// How far the wall clock is ahead of `now()`. Negative if it is behind.
    package func skew() -> Duration { .seconds(wall().timeIntervalSince(now())) }
}
