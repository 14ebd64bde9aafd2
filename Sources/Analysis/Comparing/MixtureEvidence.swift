import RealModule

/// An e-process: nonnegative, starts at 1, and under the null exceeds 1/α at *any* look with probability at most α
/// (Ville's inequality). It is a mixture over a grid of alternatives, each a product over blocks of E-variables.
struct MixtureEvidence: Codable, Hashable, Sendable {
    /// ln of each alternative's product. With the base rate, this is the whole evidence. Kept to ten decimals, rounded
    /// down: shorter to write, and less evidence is always valid.
    private(set) var logs: [Double]

    private static let decimals = 1e10

    init(count: Int) { logs = Array(repeating: 0, count: count) }

    mutating func absorb(_ block: RateBlock, against null: RateNull, grid: AlternativeGrid, guesses: [BaseRate.Guess]) {
        for (index, alternative) in grid.alternatives.enumerated() {
            let terms = guesses.map { guess in
                Double.log(guess.weight) + Self.logEVariable(block, null, alternative, guess.rate)
            }
            add(Self.logSumExp(terms), at: index)
        }
    }

    /// Of one side alone, against a constant: with no other side there is nothing to project. The alternatives lie where
    /// the grid sees them from `bound`; one on the null's own side of it bets nothing.
    mutating func absorb(_ trials: Trials, against null: ShareNull, grid: AlternativeGrid, typical: Double) {
        for (index, alternative) in grid.alternatives.enumerated() {
            let aim = ShareNull.inside(alternative.candidateRate(typical, null.bound))
            if null.excludes(aim) { add(trials.logLikelihoodRatio(of: aim, over: null.bound), at: index) }
        }
    }

    private mutating func add(_ logRatio: Double, at index: Int) {
        logs[index] = ((logs[index] + logRatio) * Self.decimals).rounded(.down) / Self.decimals
    }

    /// ln e now.
    func logValue(_ grid: AlternativeGrid) -> Double {
        Self.logSumExp(zip(grid.alternatives, logs).map { .log($0.prior) + $1 })
    }

    private static func logEVariable(
        _ block: RateBlock, _ null: RateNull, _ alternative: AlternativeGrid.Alternative, _ stableRate: Double
    ) -> Double {
        let edge = null.edge(atStable: stableRate)
        guard edge < 1 else { return 0 }
        let aim = RatePair(stable: stableRate, candidate: alternative.candidateRate(stableRate, edge))
        let projection = null.projection(
            of: aim, stableCount: block.stable.count, candidateCount: block.candidate.count)
        guard let projection else { return 0 }
        return block.logLikelihoodRatio(of: aim, over: projection)
    }

    static func logSumExp(_ terms: [Double]) -> Double {
        guard let largest = terms.max(), largest > -.infinity else { return -.infinity }
        return largest + .log(terms.reduce(0) { $0 + .exp($1 - largest) })
    }
}

/// What the candidate's rate might be, given stable's and the null's edge, with prior weights that sum to 1.
struct AlternativeGrid: Sendable {
    enum Aim: Hashable, Sendable {
        /// Beyond the edge: the edge's odds times this.
        case oddsOverEdge(Double)
        /// Beyond the edge by this much on the arcsine scale (Cohen's h), where equal steps are equally hard to see.
        case beyondEdge(h: Double)
        /// Between stable's rate (0) and the edge (1).
        case towardsEdge(Double)
        /// Better than stable: its rate times this.
        case ofStable(Double)
    }

    struct Alternative: Hashable, Sendable {
        var aim: Aim
        var prior: Double

        /// The angle of a rate of 0.999.
        private static let largestAngle = Double.asin(0.999.squareRoot())

        func candidateRate(_ stable: Double, _ edge: Double) -> Double {
            switch aim {
            case .oddsOverEdge(let ratio):
                let odds = ratio * edge / (1 - edge)
                return odds / (1 + odds)
            case .beyondEdge(let h):
                let angle = min(.asin(edge.squareRoot()) + h / 2, Self.largestAngle)
                let root = Double.sin(angle)
                return max(edge, root * root)
            case .towardsEdge(let share): return stable + share * (edge - stable)
            case .ofStable(let ratio): return ratio * stable
            }
        }
    }

    var alternatives: [Alternative]

    /// Regressions beyond the tolerance: heaviest where some hundred or thousand of the candidate's requests decide, for
    /// that is what a rollout has. Weights are rounded by hand from a random search for the smallest largest ratio to
    /// Wald's SPRT, over pairs of rates from 0.1 % to 20 %. They set the speed; any weights keep the promise.
    static let regressions = AlternativeGrid(alternatives: [
        Alternative(aim: .oddsOverEdge(1.3), prior: 0.06),
        Alternative(aim: .oddsOverEdge(1.6), prior: 0.05),
        Alternative(aim: .oddsOverEdge(2.1), prior: 0.18),
        Alternative(aim: .oddsOverEdge(2.8), prior: 0.08),
        Alternative(aim: .oddsOverEdge(25), prior: 0.01),
        Alternative(aim: .beyondEdge(h: 0.03), prior: 0.03),
        Alternative(aim: .beyondEdge(h: 0.075), prior: 0.08),
        Alternative(aim: .beyondEdge(h: 0.11), prior: 0.20),
        Alternative(aim: .beyondEdge(h: 0.135), prior: 0.16),
        Alternative(aim: .beyondEdge(h: 0.26), prior: 0.08),
        Alternative(aim: .beyondEdge(h: 0.5), prior: 0.05),
        Alternative(aim: .beyondEdge(h: 0.8), prior: 0.02),
    ])

    /// Slower candidates, by their share over an edge at which stable has the quantile's or somewhat less. Odds of 1.5 to
    /// 20 are stretches of 1.1 to 4 for the tails and middles of the usual latencies.
    static let slower = AlternativeGrid(alternatives: [
        Alternative(aim: .oddsOverEdge(1.25), prior: 0.10),
        Alternative(aim: .oddsOverEdge(1.6), prior: 0.25),
        Alternative(aim: .oddsOverEdge(2.5), prior: 0.30),
        Alternative(aim: .oddsOverEdge(5), prior: 0.20),
        Alternative(aim: .oddsOverEdge(20), prior: 0.15),
    ])

    /// Candidates that are no slower, by their share over an edge farther out than stable's: what is left there of stable's
    /// own share is a quarter to four fifths for the usual latencies, and nearly all of it in the middle of very wide ones.
    static let faster = AlternativeGrid(alternatives: [
        Alternative(aim: .ofStable(0.10), prior: 0.08),
        Alternative(aim: .ofStable(0.30), prior: 0.22),
        Alternative(aim: .ofStable(0.50), prior: 0.28),
        Alternative(aim: .ofStable(0.70), prior: 0.22),
        Alternative(aim: .ofStable(0.88), prior: 0.12),
        Alternative(aim: .ofStable(0.96), prior: 0.08),
    ])

    /// Any difference, however small: an A/B test runs for weeks and looks for a few hundredths of a rate.
    static let differences = AlternativeGrid(
        alternatives: [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64].map {
            Alternative(aim: .beyondEdge(h: $0), prior: 0.125)
        })

    /// Candidates that deserve a pass: as good as stable above all.
    static let acceptable = AlternativeGrid(alternatives: [
        Alternative(aim: .towardsEdge(0), prior: 0.55),
        Alternative(aim: .towardsEdge(0.15), prior: 0.15),
        Alternative(aim: .towardsEdge(0.5), prior: 0.10),
        Alternative(aim: .ofStable(0.6), prior: 0.10),
        Alternative(aim: .ofStable(0.1), prior: 0.10),
    ])
}
