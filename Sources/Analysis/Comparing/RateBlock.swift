import RealModule

/// Trials of one side: `successes` in 0…`count`.
///
/// They are real numbers, because sums of outcomes anywhere in 0…1 are also valid: `a^x b^(1−x) ≤ a x + b (1−x)` for x
/// in 0…1, with equality at 0 and 1. So the expectation of every likelihood ratio is no larger than with zeros and ones
/// of the same mean (Waudby-Smith and Ramdas 2023, the bets of a Bernoulli; Turner, Ly, Grünwald 2024).
struct Trials: Codable, Hashable, Sendable {
    var count: Double
    var successes: Double
    /// For each success, the number of successes in the same event; the sum of these. Nil if the source cannot tell.
    var together: Double?

    static let none = Trials(count: 0, successes: 0)

    static func + (left: Trials, right: Trials) -> Trials {
        var sum = Trials(count: left.count + right.count, successes: left.successes + right.successes)
        if left.count == 0 {
            sum.together = right.together
        } else if right.count == 0 {
            sum.together = left.together
        } else {
            sum.together = left.together.flatMap { own in right.together.map { own + $0 } }
        }
        return sum
    }

    /// ln of (p*/p°)^x ((1−p*)/(1−p°))^(n−x).
    func logLikelihoodRatio(of alternative: Double, over null: Double) -> Double {
        successes * .log(alternative / null)
            + (count - successes) * (.log(onePlus: -alternative) - .log(onePlus: -null))
    }
}

/// What both sides added between two looks. It contributes one likelihood ratio with its own exposures.
struct RateBlock: PairedBlock {
    var stable: Trials
    var candidate: Trials

    static let empty = RateBlock(stable: .none, candidate: .none)

    var stableCount: Double { stable.count }
    var candidateCount: Double { candidate.count }
    /// The sum of both sides. Nil if one cannot tell.
    var together: Double? { stable.together.flatMap { own in candidate.together.map { own + $0 } } }

    static func + (left: RateBlock, right: RateBlock) -> RateBlock {
        RateBlock(stable: left.stable + right.stable, candidate: left.candidate + right.candidate)
    }

    /// ln of Π (p*/p°)^x ((1−p*)/(1−p°))^(n−x) over both sides.
    func logLikelihoodRatio(of alternative: RatePair, over projection: RatePair) -> Double {
        LikelihoodRatio(of: alternative, over: projection).log(self)
    }
}

/// The rates of both sides, each strictly between 0 and 1.
struct RatePair: Hashable, Sendable {
    var stable: Double
    var candidate: Double
}
