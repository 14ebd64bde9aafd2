import RealModule

/// A mixture's e-process that stakes no more than it needs: what goes beyond 1/α is of no use, for at 1/α all is decided.
///
/// At each block a share of what was won is staked on the mixture's E-variable, the rest is kept: `e ← e (1 − s + s E)`.
/// The share is fixed before the block's outcomes, so `1 − s + s E` is an E-variable too, and Ville's inequality holds
/// as before. Where the next success of the candidate, or the next two, would reach the target, the share is such that
/// they just reach it: less is lost if a success of stable comes first. Rare errors decide by few of them, where this
/// saves most. (Fischer and Ramdas 2024, "Improving Wald's (approximate) sequential probability ratio test by avoiding
/// overshoot", spend the same overshoot otherwise.)
struct TargetedEvidence: Codable, Hashable, Sendable {
    /// Successes of the candidate that are planned for.
    static let successesAhead = 2.0
    /// Over the target, in ln e: more than is lost by shortening.
    private static let slack = 1e-6
    /// Of ln of one success, for its exponential to be finite.
    private static let largestLog = 500.0

    /// Its products choose the mixture for the next block; they are not the evidence.
    private var mixture: StartedMixture
    /// The candidate failed in the last look. Nil in records of older controllers.
    private var startsNext: Bool?
    /// ln e now.
    private(set) var logValue = 0.0

    init(_ grid: AlternativeGrid) { mixture = StartedMixture(grid) }

    /// - Parameters:
    ///   - weight: of the block, 0…1: the exponent of its E-variables.
    ///   - target: ln 1/α; infinite where all is to be staked always.
    mutating func absorb(
        _ block: RateBlock, weight: Double = 1, against null: RateNull, grid: AlternativeGrid,
        guesses: [BaseRate.Guess], target: Double
    ) {
        if startsNext == true { mixture.start(grid) }
        startsNext = block.candidate.successes > 0
        let bets = BlockBets(onBlockLike: block, against: null, grid: grid, guesses: guesses)
        let before = mixture.logValue
        let oneSuccess = bets.logEVariables(block.withOneSuccess(stableRate: guesses.first?.rate ?? 0))
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
    /// A block of this size, with one success of the candidate's and as many of stable's as are likely.
    fileprivate func withOneSuccess(stableRate: Double) -> RateBlock {
        var supposed = self
        supposed.stable.successes = (stable.count * stableRate).rounded()
        supposed.candidate.successes = min(1, candidate.count)
        return supposed
    }
}
