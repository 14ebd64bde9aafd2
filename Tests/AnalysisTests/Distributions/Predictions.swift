import Foundation
import ModelManifests

@testable import Analysis

/// Predictions with known shares, from a seed.
extension Traffic {
    /// The number of values in each bucket, of `count` values.
    mutating func counts(_ count: Int, _ shares: [Double]) -> [Int] {
        var left = count
        var leftShare = 1.0
        return shares.map { share in
            let rate = share / leftShare
            leftShare -= share
            let found = rate >= 1 - 1e-12 ? left : successes(left, rate: rate)
            left -= found
            return found
        }
    }

    /// `size` values; each is the candidate's with probability `weight`.
    mutating func predictions(size: Int, weight: Double, stable: [Double], candidate: [Double]) -> BucketBlock {
        let sent = successes(size, rate: weight)
        return BucketBlock(stable: counts(size - sent, stable), candidate: counts(sent, candidate))
    }
}

enum Shares {
    static func even(_ count: Int) -> [Double] { Array(repeating: 1 / Double(count), count: count) }

    /// This share of the whole moved from the first half of the buckets to the second.
    static func moved(_ shares: [Double], by shift: Double) -> [Double] {
        let half = shares.count / 2
        let first = shares[..<half].reduce(0, +)
        return shares.enumerated().map { index, share in
            index < half ? share * (1 - shift / first) : share * (1 + shift / (1 - first))
        }
    }

    /// A base that changes over the time 0…1, with a first half of 0.4 to 0.6.
    static func drifting(_ count: Int, at time: Double) -> [Double] {
        moved(even(count), by: 0.1 * sin(6 * time))
    }
}

extension Interval {
    static func predictions(of name: String = "score", _ block: BucketBlock) -> Interval {
        Interval(
            at: Date(timeIntervalSinceReferenceDate: 0),
            stable: SideCounts(requests: block.stableCount, observed: [name: block.stable]),
            candidate: SideCounts(requests: block.candidateCount, observed: [name: block.candidate]))
    }

    static func predictions(of name: String = "score", stable: [Int], candidate: [Int]) -> Interval {
        predictions(of: name, BucketBlock(stable: stable, candidate: candidate))
    }
}
