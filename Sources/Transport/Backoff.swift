/// How long to wait after the n-th failure in a row: exponential, capped, and spread so that keys that failed together
/// do not come back together.
public struct Backoff: Hashable, Sendable {
    /// After the first failure.
    public var initial: Duration
    /// Never longer than this, jitter included.
    public var cap: Duration
    /// By which each wait is longer than the one before.
    public var factor: Double
    /// The share of each wait that is random, 0…1: the wait is uniform in `[(1 - jitter) · w, w]`.
    public var jitter: Double

    /// Values out of range are taken at the nearest that makes sense.
    public init(initial: Duration, cap: Duration, factor: Double = 2, jitter: Double = 0.5) {
        self.initial = max(initial, .milliseconds(1))
        self.cap = max(cap, self.initial)
        self.factor = max(factor, 1)
        self.jitter = min(max(jitter, 0), 1)
    }

    /// - Parameter failures: in a row, the latest included; from 1.
    public func delay(
        afterFailures failures: Int, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        var longest = initial
        // The cap ends it early: each turn makes the wait longer. With a factor of 1 there is nothing to do.
        var turns = factor > 1 ? failures - 1 : 0
        while turns > 0, longest < cap {
            longest = min(longest * factor, cap)
            turns -= 1
        }
        return longest * (1 - jitter * Double.random(in: 0...1, using: &generator))
    }
}
