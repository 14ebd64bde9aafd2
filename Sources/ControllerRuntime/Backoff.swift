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

/// What kind of failure a pass ended with: how its key comes back.
public enum FailureClass: String, CaseIterable, Sendable {
    /// May pass by itself: back off, from short to long.
    case transient
    /// Something outside must change first: look again now and then.
    case waiting
    /// Trying again cannot help: the key comes back only when it is added.
    case terminal
}

/// Failures in a row, for each key that fails now. Keys that are well take no memory.
struct FailureCounts<Key: Hashable & Sendable>: Sendable {
    private var counts: [Key: Int] = [:]

    var failingCount: Int { counts.count }

    /// - Returns: failures of the key in a row, this one included.
    mutating func failed(_ key: Key) -> Int {
        counts[key, default: 0] += 1
        return counts[key, default: 1]
    }

    mutating func succeeded(_ key: Key) { counts[key] = nil }
}
