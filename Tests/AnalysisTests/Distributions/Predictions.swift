import Foundation
import ModelManifests

@testable import Analysis

/// Seeded predictions with known shares.
extension Traffic {
    /// How many of `count` values fall into each bucket.
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

    /// `size` values of which each is the candidate's with chance `weight`.
    mutating func predictions(size: Int, weight: Double, stable: [Double], candidate: [Double]) -> BucketBlock {
        let sent = successes(size, rate: weight)
        return BucketBlock(stable: counts(size - sent, stable), candidate: counts(sent, candidate))
    }
}

enum Shares {
    static func even(_ count: Int) -> [Double] { Array(repeating: 1 / Double(count), count: count) }

    /// So much of the whole moved from the first half of the buckets to the second.
    static func moved(_ shares: [Double], by shift: Double) -> [Double] {
        let half = shares.count / 2
        let first = shares[..<half].reduce(0, +)
        return shares.enumerated().map { index, share in
            index < half ? share * (1 - shift / first) : share * (1 + shift / (1 - first))
        }
    }

    /// A base that moves over the time 0…1, and whose first half holds from 0.4 to 0.6.
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
