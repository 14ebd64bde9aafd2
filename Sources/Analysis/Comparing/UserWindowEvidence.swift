import RealModule

/// Evidence of users who come back, a window of time at a time.
///
/// Users are what was randomised, so those of one window are independent, and one E-variable is made of each window. Those of
/// two windows are the same users: whatever chance put on a side comes back with them. So E-variables are not multiplied
/// but averaged, with weights that are fixed beforehand: a sum of nonnegative terms whose expectations add up to at most 1
/// whatever they have to do with each other, and which never falls, so that Markov's inequality holds at every look.
///
/// Nothing is learnt from one window for the next: guesses of the rate are always the same.
struct UserWindowEvidence: Codable, Hashable, Sendable {
    private static let guesses = BaseRate.strangers.map {
        BaseRate.Guess(rate: $0, weight: 1 / Double(BaseRate.strangers.count))
    }
    /// Nothing yet, as a number that can be written.
    private static let nothing = -1e12
    private static let largestLog = 1e6

    /// ln of the sum.
    private(set) var logValue = UserWindowEvidence.nothing
    private var looks = 0

    /// - Parameters:
    ///   - kinds: units, and those of them that failed, by each way to tell that a unit has failed. Of one time, so the
    ///     mean of their E-variables counts.
    ///   - windows: that they are of; nothing is known of what several have in common, so the root of so many is taken.
    mutating func absorb(_ kinds: [RateBlock], windows: Int, against null: RateNull) {
        guard let block = kinds.first, block.compares, windows > 0 else { return }
        looks += 1
        var sum = LogSum()
        sum.add(logValue)
        for block in kinds {
            let log = Self.logEVariable(block, against: null) / Double(windows)
            sum.add(.log(EndlessShares.share(looks) / Double(kinds.count)) + min(log, Self.largestLog))
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
