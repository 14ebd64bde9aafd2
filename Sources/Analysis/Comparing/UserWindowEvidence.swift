import RealModule

/// Evidence of returning users, by windows of time.
///
/// Users are the randomised unit, so the users of one window are independent, and each window gives one E-variable. Two
/// windows have the same users, so what chance put on one side comes back. Their E-variables are therefore not
/// multiplied but averaged, with weights that are fixed in advance. The result is a sum of nonnegative terms whose
/// expectations sum to at most 1, however they depend on each other. It never falls, so Markov's inequality holds at
/// every look.
///
/// Nothing is learned from one window for the next: the guesses of the rate are always the same.
struct UserWindowEvidence: Codable, Hashable, Sendable {
    private static let guesses = BaseRate.strangers.map {
        BaseRate.Guess(rate: $0, weight: 1 / Double(BaseRate.strangers.count))
    }
    /// A value that stands for no evidence and can be stored.
    private static let nothing = -1e12
    private static let largestLog = 1e6

    /// ln of the sum.
    private(set) var logValue = UserWindowEvidence.nothing
    private var looks = 0

    /// - Parameters:
    ///   - kinds: the units and how many of them failed, for each definition of failure. All are from the same time, so
    ///     the mean of their E-variables counts.
    ///   - windows: the number of windows that the units come from. How several windows depend on each other is not
    ///     known, so the root of that degree is taken.
    mutating func absorb(_ kinds: [RateBlock], windows: Int, against null: RateNull) {
        guard let block = kinds.first, block.compares, windows > 0 else { return }
        looks += 1
        var sum = LogSum()
        sum.add(logValue)
        for block in kinds {
            let log = Self.logEVariable(block, against: null) / Double(windows)
            sum.add(.log(ConvergentShares.share(looks) / Double(kinds.count)) + min(log, Self.largestLog))
        }
        logValue = MixtureEvidence.shortened(sum.log)
    }

    private static func logEVariable(_ block: RateBlock, against null: RateNull) -> Double {
        let grid = AlternativeGrid.increases
        var mixture = MixtureEvidence(count: grid.alternatives.count)
        mixture.absorb(block, against: null, grid: grid, guesses: guesses)
        return mixture.logValue(grid)
    }
}
