import RealModule

/// The hypothesis about a mean of one side, in every block: at most, or at least, a constant. The test tries to exclude
/// it.
///
/// Compared with a constant, the plain likelihood ratio is an E-variable for outcomes in 0…1. Its expectation is linear
/// in their mean: it is 1 at the bound, and smaller on the null's side for an alternative on the other (Waudby-Smith
/// and Ramdas 2023).
enum ShareNull: Hashable, Sendable {
    case atMost(Double)
    case atLeast(Double)

    /// Strictly between 0 and 1. With a bound of 0, one success excludes it at odds of thousands of millions to 1.
    var bound: Double {
        switch self {
        case .atMost(let bound), .atLeast(let bound): Self.inside(bound)
        }
    }

    func excludes(_ share: Double) -> Bool {
        switch self {
        case .atMost: share > bound
        case .atLeast: share < bound
        }
    }

    /// ln of each alternative's E-variable. Without another side there is nothing to project. The alternatives are
    /// those of the grid relative to `bound`; an alternative on the null's side of the bound bets nothing.
    func logEVariables(_ trials: Trials, grid: AlternativeGrid, typical: Double) -> [Double] {
        grid.alternatives.map { alternative in
            let aim = Self.inside(alternative.candidateRate(typical, bound))
            return excludes(aim) ? trials.logLikelihoodRatio(of: aim, over: bound) : 0
        }
    }

    static func inside(_ share: Double) -> Double { min(max(share, 1e-9), 1 - 1e-9) }
}
