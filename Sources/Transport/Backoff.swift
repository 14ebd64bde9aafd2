/// How long to wait after the n-th failure in a row. The wait grows exponentially up to a cap, and is randomised so
/// that keys that failed together do not retry together.
package struct Backoff: Hashable, Sendable {
    /// The wait after the first failure.
    package var initial: Duration
    /// The longest wait, jitter included.
    package var cap: Duration
    /// The factor between one wait and the next.
    package var factor: Double
    /// The share of each wait that is random, 0…1: the wait is uniform in `[(1 - jitter) · w, w]`.
    package var jitter: Double

    /// Values out of range are replaced by the nearest valid value.
    package init(initial: Duration, cap: Duration, factor: Double = 2, jitter: Double = 0.5) {
        self.initial = max(initial, .milliseconds(1))
        self.cap = max(cap, self.initial)
        self.factor = max(factor, 1)
        self.jitter = min(max(jitter, 0), 1)
    }

    /// - Parameter failures: consecutive failures including the latest, at least 1.
    package func delay(
        afterFailures failures: Int, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        var longest = initial
        // The loop ends at the cap, because each turn makes the wait longer. With a factor of 1 the wait is constant.
        var turns = factor > 1 ? failures - 1 : 0
        while turns > 0, longest < cap {
            longest = min(longest * factor, cap)
            turns -= 1
        }
        return longest * (1 - jitter + jitter * Double.random(in: 0...1, using: &generator))
    }
}
