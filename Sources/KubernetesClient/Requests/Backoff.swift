/// How long to wait after the n-th failure in a row: exponential, capped, and randomized so that many clients do not retry
/// together.
struct Backoff: Hashable, Sendable {
    /// The longest wait after the first failure.
    var initial: Duration
    /// The longest wait after any failure.
    var cap: Duration

    /// Uniform in the upper half of `[0, min(initial · 2ⁿ⁻¹, cap)]`.
    /// - Parameter failures: failures in a row, at least 1.
    func delay(afterFailures failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        var longest = min(initial, cap)
        var doublings = failures - 1
        while doublings > 0, longest < cap {
            longest = min(longest * 2, cap)
            doublings -= 1
        }
        return longest * Double.random(in: 0.5...1, using: &generator)
    }
}
