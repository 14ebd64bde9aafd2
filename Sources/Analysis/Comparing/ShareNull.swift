import RealModule

/// What a mean of one side alone is held to be, in every block: at most, or at least, a constant. To be excluded.
///
/// Against a constant the plain likelihood ratio is an E-variable for outcomes in 0…1: its expectation is linear in their
/// mean, 1 at the bound, and smaller on the null's side for an alternative on the other (Waudby-Smith and Ramdas 2023).
enum ShareNull: Hashable, Sendable {
    case atMost(Double)
    case atLeast(Double)

    /// Strictly between 0 and 1: at a bound of nothing at all, one success excludes it at one in thousands of millions.
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

    /// ln of each alternative's E-variable: with no other side there is nothing to project. The alternatives lie where the
    /// grid sees them from `bound`; one on the null's own side of it bets nothing.
    func logEVariables(_ trials: Trials, grid: AlternativeGrid, typical: Double) -> [Double] {
        grid.alternatives.map { alternative in
            let aim = Self.inside(alternative.candidateRate(typical, bound))
            return excludes(aim) ? trials.logLikelihoodRatio(of: aim, over: bound) : 0
        }
    }

    static func inside(_ share: Double) -> Double { min(max(share, 1e-9), 1 - 1e-9) }
}
