import RealModule

/// An e-process: it is nonnegative, starts at 1, and under the null exceeds 1/α at *any* look with probability at most
/// α (Ville's inequality). It is a mixture over a grid of alternatives; each alternative is a product of E-variables
/// over blocks.
struct MixtureEvidence: Codable, Hashable, Sendable {
    /// ln of each alternative's product. Together with the base rate, this is the whole evidence. It is rounded down to
    /// ten decimals to keep the record short; less evidence is always valid.
    private(set) var logs: [Double]

    private static let decimals = 1e10

    init(count: Int) { logs = Array(repeating: 0, count: count) }

    mutating func absorb(_ block: RateBlock, against null: RateNull, grid: AlternativeGrid, guesses: [BaseRate.Guess]) {
        absorb(BlockBets(onBlockLike: block, against: null, grid: grid, guesses: guesses).logEVariables(block))
    }

    /// - Parameter logEVariables: ln of each alternative's E-variable for one block.
    mutating func absorb(_ logEVariables: [Double]) {
        for (index, log) in logEVariables.enumerated() { add(log, at: index) }
    }

    /// Adds trials of one side, compared with a constant.
    mutating func absorb(_ trials: Trials, against null: ShareNull, grid: AlternativeGrid, typical: Double) {
        absorb(null.logEVariables(trials, grid: grid, typical: typical))
    }

    private mutating func add(_ logRatio: Double, at index: Int) {
        logs[index] = Self.shortened(logs[index] + logRatio)
    }

    /// Rounds down to ten decimals.
    static func shortened(_ log: Double) -> Double { (log * decimals).rounded(.down) / decimals }

    /// ln of the current evidence.
    /// - Parameter power: the exponent of each alternative's product, 0…1: 1/c if c requests depend on each other.
    func logValue(_ grid: AlternativeGrid, power: Double = 1) -> Double {
        var sum = LogSum()
        for (index, alternative) in grid.alternatives.enumerated() {
            sum.add(alternative.logPrior + power * logs[index])
        }
        return sum.log
    }

    static func logSumExp(_ terms: [Double]) -> Double {
        var sum = LogSum()
        for term in terms { sum.add(term) }
        return sum.log
    }
}

/// ln Σ eˣ, one term after the other, without overflow.
struct LogSum {
    private var largest = -Double.infinity
    /// In units of the largest term.
    private var sum = 0.0

    mutating func add(_ term: Double) {
        if term <= largest {
            sum += .exp(term - largest)
        } else if term > -.infinity {
            sum = sum * .exp(largest - term) + 1
            largest = term
        }
    }

    var log: Double { sum == 1 ? largest : largest + .log(sum) }
}
