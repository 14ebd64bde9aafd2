import Analysis
import RealModule
import Serving
import TestSupport

/// Shares of requests in the buckets of the proxy's histogram, with one more for those over the last edge.
struct LatencyShares: Sendable {
    private var shares: [Double]

    /// Log-normal.
    init(medianSeconds: Double, sigma: Double) {
        let below = LatencyBounds.seconds.map { edge in
            0.5 * Double.erfc(-.log(edge / medianSeconds) / (sigma * 2.0.squareRoot()))
        }
        shares = zip(below + [1], [0] + below).map { $0 - $1 }
    }

    /// Multiplies the shares over the first edge that reaches `quantile` by `factor`, and reduces those under it
    /// accordingly.
    func withTail(over quantile: Double, times factor: Double) -> LatencyShares {
        var (under, split) = (0.0, 0)
        while under < quantile, split < shares.count {
            under += shares[split]
            split += 1
        }
        let shrink = (1 - factor * (1 - under)) / under
        var changed = self
        for index in shares.indices { changed.shares[index] *= index < split ? shrink : factor }
        return changed
    }

    /// Gives the requests of one side their latencies.
    func fill(_ counts: inout SideCounts, _ draws: inout SeededDraws) {
        var sum = 0
        counts.bounds = LatencyBounds.seconds
        counts.latency = draws.buckets(counts.requests, shares).map {
            sum += $0
            return sum
        }
    }
}
