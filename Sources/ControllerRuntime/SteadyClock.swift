import Foundation

/// Wall time that does not jump: taken from the wall clock once, and from then on advanced by a clock that only runs
/// forward. Someone who sets the machine's clock neither ends a pause early nor prolongs it.
///
/// # Guarantees
/// - `now()` never goes back while the process lives, and is never earlier than `floor`: pass the latest time that was
///   written down before, and time does not go back over a restart either.
///
/// # Caveats
/// - It does not follow corrections of the wall clock. `skew()` says how far they are apart; a restart takes the wall
///   clock anew.
public struct SteadyClock: Sendable {
    private let anchor: Date
    private let elapsed: @Sendable () -> Duration
    private let wall: @Sendable () -> Date

    /// - Parameters:
    ///   - floor: nothing earlier is ever told.
    ///   - wall: the machine's idea of the time of day.
    ///   - monotonic: runs forward, through suspensions of the machine too (`CLOCK_BOOTTIME` on Linux).
    public init<C: Clock>(
        notEarlierThan floor: Date? = nil, wall: @escaping @Sendable () -> Date = { Date() },
        monotonic: C = ContinuousClock()
    ) where C.Duration == Duration {
        let start = monotonic.now
        self.elapsed = { start.duration(to: monotonic.now) }
        self.wall = wall
        anchor = max(wall(), floor ?? .distantPast)
    }

    public func now() -> Date { anchor.addingTimeInterval(elapsed() / .seconds(1)) }

    /// How far the wall clock is ahead of `now()`; negative where it is behind.
    public func skew() -> Duration { .seconds(wall().timeIntervalSince(now())) }
}
