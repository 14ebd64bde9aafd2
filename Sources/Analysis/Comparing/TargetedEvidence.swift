import RealModule

/// An e-process of a mixture that stakes no more than it needs. Evidence beyond 1/α has no use, because 1/α decides.
///
/// At each block a share of the wealth is staked on the mixture's E-variable, and the rest is kept: `e ← e (1 − s + s
/// E)`. The share is fixed before the block's outcomes, so `1 − s + s E` is an E-variable too, and Ville's inequality
/// still holds. If the next one or two successes of the candidate would reach the target, the share is chosen so that
/// they just reach it: less is lost if a success of stable comes first. Rare errors decide by few of them, and there
/// this saves most. (Fischer and Ramdas 2024, "Improving Wald's (approximate) sequential probability ratio test by
/// avoiding overshoot", use the same overshoot in another way.)
struct TargetedEvidence: Codable, Hashable, Sendable {
    /// The number of successes of the candidate that are planned ahead.
    static let successesAhead = 2.0
    /// Added to the target, in ln e: more than rounding loses.
    private static let slack = 1e-6
    /// The largest ln of one success whose exponential is finite.
    private static let largestLog = 500.0

    /// Its products choose the mixture for the next block. They are not the evidence.
    private var mixture: RestartedMixture
    /// Whether the candidate failed in the last look. Nil in records of older controllers.
    private var startsNext: Bool?
    /// ln of the current evidence.
    private(set) var logValue = 0.0

    init(_ grid: AlternativeGrid) { mixture = RestartedMixture(grid) }

    /// - Parameters:
    ///   - weight: of the block, 0…1: the exponent of its E-variables.
    ///   - target: ln 1/α. Infinite if everything should always be staked.
    mutating func absorb(
        _ block: RateBlock, weight: Double = 1, against null: RateNull, grid: AlternativeGrid,
        guesses: [BaseRate.Guess], target: Double
    ) {
        if startsNext == true { mixture.start(grid) }
        startsNext = block.candidate.successes > 0
        let bets = BlockBets(onBlockLike: block, against: null, grid: grid, guesses: guesses)
        let before = mixture.logValue
        let oneSuccess = bets.logEVariables(block.assumingOneSuccess(stableRate: guesses.first?.rate ?? 0))
        let share = share(ifOneSuccessIs: mixture.logValue(after: oneSuccess) - before, target)
        mixture.absorb(bets.logEVariables(block).map { weight * $0 })
        let found = mixture.logValue - before
        var kept = LogSum()
        if share < 1 { kept.add(.log(onePlus: -share)) }
        kept.add(.log(share) + found)
        logValue = MixtureEvidence.shortened(logValue + kept.log)
    }

    /// The share to stake, 0…1.
    private func share(ifOneSuccessIs gain: Double, _ target: Double) -> Double {
        let missing = target - logValue
        guard missing > 0, missing.isFinite, gain > 0, gain < Self.largestLog else { return 1 }
        let successes = (missing / gain).rounded(.up)
        let wanted = missing / successes + Self.slack
        guard successes <= Self.successesAhead, wanted < gain else { return 1 }
        return .expMinusOne(wanted) / .expMinusOne(gain)
    }
}

extension RateBlock {
    /// A block of this size with one success of the candidate and the expected successes of stable.
    fileprivate func assumingOneSuccess(stableRate: Double) -> RateBlock {
        var supposed = self
        supposed.stable.successes = (stable.count * stableRate).rounded()
        supposed.candidate.successes = min(1, candidate.count)
        return supposed
    }
}
