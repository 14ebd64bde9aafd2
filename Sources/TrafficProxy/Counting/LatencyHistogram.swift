import Serving

/// Counts of requests by latency, in the buckets of `LatencyBounds`. One count per bucket. The report makes them cumulative.
struct LatencyHistogram: Hashable, Sendable {
    static let boundsNanoseconds: [Int64] = LatencyBounds.seconds.map { Int64(($0 * 1e9).rounded()) }

    /// One count per bound, and one for latencies over the last bound.
    private(set) var counts = [Int](repeating: 0, count: boundsNanoseconds.count + 1)

    /// The index of the first bound that is at least this latency.
    static func bucket(nanoseconds: Int64) -> Int {
        boundsNanoseconds.withUnsafeBufferPointer { bounds in
            var low = 0
            var high = bounds.count
            while low < high {
                let middle = (low + high) / 2
                if bounds[middle] < nanoseconds { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    mutating func record(bucket: Int) { counts[bucket] += 1 }

    /// Requests at or under each bound, as in Prometheus. One count per bound.
    var cumulative: [Int] {
        var sum = 0
        return counts.dropLast().map { count in
            sum += count
            return sum
        }
    }

    /// Requests over each bound, one count per bound. Empty if there are none.
    var over: [Int] {
        var sum = 0
        let reversed = counts.dropFirst().reversed().map { count in
            sum += count
            return sum
        }
        return sum == 0 ? [] : reversed.reversed()
    }
}
