import Foundation
import TestSupport

@testable import Analysis

/// Traffic with known rates, from a seed, in whole blocks.
struct Traffic {
    var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }

    /// The successes among `count` trials. It jumps from success to success, so rare ones are fast to draw.
    mutating func successes(_ count: Int, rate: Double) -> Int {
        guard rate > 0 else { return 0 }
        var position = 0
        var found = 0
        while true {
            position += 1 + Int(log(1 - uniform()) / log1p(-rate))
            if position > count { return found }
            found += 1
        }
    }

    mutating func trials(_ count: Int, rate: Double) -> Trials {
        Trials(count: Double(count), successes: Double(successes(count, rate: rate)))
    }

    /// `size` requests; each goes to the candidate with probability `weight`.
    mutating func block(size: Int, weight: Double, stable: Double, candidate: Double) -> RateBlock {
        let sent = successes(size, rate: weight)
        return RateBlock(stable: trials(size - sent, rate: stable), candidate: trials(sent, rate: candidate))
    }

    mutating func interval(
        at seconds: Double = 0, size: Int, weight: Double, stable: Double, candidate: Double
    ) -> Interval {
        let block = block(size: size, weight: weight, stable: stable, candidate: candidate)
        return .errors(at: seconds, block)
    }
}

extension Interval {
    static func errors(at seconds: Double = 0, _ block: RateBlock) -> Interval {
        Interval(
            at: Date(timeIntervalSinceReferenceDate: seconds),
            stable: SideCounts(requests: Int(block.stable.count), errors: Int(block.stable.successes)),
            candidate: SideCounts(requests: Int(block.candidate.count), errors: Int(block.candidate.successes)))
    }

    static func errors(
        at seconds: Double = 0, stable: (Int, of: Int), candidate: (Int, of: Int)
    ) -> Interval {
        Interval(
            at: Date(timeIntervalSinceReferenceDate: seconds),
            stable: SideCounts(requests: stable.of, errors: stable.0),
            candidate: SideCounts(requests: candidate.of, errors: candidate.0))
    }
}
