import Foundation

@testable import Analysis

/// Requests with log-normal latency, in the proxy's buckets.
struct LatencyTraffic {
    /// R10, 1 ms to 10 s.
    static let bounds: [Double] = [0.001, 0.01, 0.1, 1].flatMap { decade in
        [1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8].map { $0 * decade }
    }

    var traffic: Traffic
    var sigma = 0.5
    /// The share of requests that take `stragglerSeconds`.
    var stragglers = 0.0
    var bounds = Self.bounds

    init(seed: UInt64) { traffic = Traffic(seed: seed) }

    /// - Parameter median: in seconds.
    mutating func side(_ count: Int, median: Double, stragglers: Double = 0) -> SideCounts {
        let late = traffic.successes(count, rate: stragglers)
        var left = count - late
        var before = 1.0
        var under: [Int] = []
        for bound in bounds {
            let over = 0.5 * erfc(log(bound / median) / (sigma * 2.0.squareRoot()))
            let fell = left > 0 ? traffic.successes(left, rate: max(0, 1 - over / before)) : 0
            left -= fell
            before = max(over, 1e-300)
            under.append((under.last ?? 0) + fell)
        }
        // Slow requests are over the last bound.
        return SideCounts(requests: count, latency: under + [count], bounds: bounds)
    }

    /// `size` requests; each goes to the candidate with probability `weight`.
    mutating func interval(size: Int, weight: Double, stable: Double, candidate: Double) -> Interval {
        let sent = traffic.successes(size, rate: weight)
        return Interval(
            at: Date(timeIntervalSinceReferenceDate: 0), stable: side(size - sent, median: stable),
            candidate: side(sent, median: candidate, stragglers: stragglers))
    }
}
