import RealModule

/// Possible rates of the candidate, relative to stable's rate and the edge of the null, with prior weights that sum to
/// 1.
struct AlternativeGrid: Sendable {
    enum Aim: Hashable, Sendable {
        /// Beyond the edge: the edge's odds times this factor.
        case oddsOverEdge(Double)
        /// Beyond the edge by this much on the arcsine scale (Cohen's h), where equal steps are equally hard to detect.
        case beyondEdge(h: Double)
        /// Between stable's rate (0) and the edge (1).
        case towardsEdge(Double)
        /// Better than stable: stable's rate times this factor.
        case ofStable(Double)
    }

    struct Alternative: Hashable, Sendable {
        let aim: Aim
        let prior: Double
        /// ln of the prior.
        let logPrior: Double
        /// Sine and cosine of h/2. With them, sums of angles need no further sines.
        private let sine: Double
        private let cosine: Double

        init(aim: Aim, prior: Double) {
            (self.aim, self.prior, logPrior) = (aim, prior, .log(prior))
            if case .beyondEdge(let h) = aim {
                (sine, cosine) = (.sin(h / 2), .cos(h / 2))
            } else {
                (sine, cosine) = (0, 1)
            }
        }

        /// The largest rate on the arcsine scale.
        private static let largestRate = 0.999

        func candidateRate(_ stable: Double, _ edge: Double) -> Double {
            switch aim {
            case .oddsOverEdge(let ratio):
                let odds = ratio * edge / (1 - edge)
                return odds / (1 + odds)
            case .beyondEdge:
                let (root, other) = (edge.squareRoot(), (1 - edge).squareRoot())
                let beyond = root * cosine + other * sine
                let isTooFar = other * cosine - root * sine < (1 - Self.largestRate).squareRoot()
                return max(edge, isTooFar ? Self.largestRate : beyond * beyond)
            case .towardsEdge(let share): return stable + share * (edge - stable)
            case .ofStable(let ratio): return ratio * stable
            }
        }
    }

    var alternatives: [Alternative]

    /// Regressions beyond the tolerance. Most weight is on those that some hundred or thousand of the candidate's
    /// requests decide, because that is what a rollout has. The weights come from a random search, rounded by hand,
    /// with `TargetedEvidence`: it minimised the largest ratio to Wald's SPRT, over pairs of rates from 0.1 % to 60 %
    /// at weights of 5 and 25 %. They determine the speed; the guarantee holds with any weights.
    static let increases = AlternativeGrid(alternatives: [
        Alternative(aim: .oddsOverEdge(1.3), prior: 0.035),
        Alternative(aim: .oddsOverEdge(1.6), prior: 0.04),
        Alternative(aim: .beyondEdge(h: 0.05), prior: 0.15),
        Alternative(aim: .beyondEdge(h: 0.075), prior: 0.10),
        Alternative(aim: .beyondEdge(h: 0.11), prior: 0.13),
        Alternative(aim: .beyondEdge(h: 0.2), prior: 0.29),
        Alternative(aim: .beyondEdge(h: 0.42), prior: 0.17),
        Alternative(aim: .beyondEdge(h: 0.8), prior: 0.07),
        Alternative(aim: .beyondEdge(h: 2.0), prior: 0.015),
    ])

    /// Regressions in one slice of the traffic. A slice has few requests, so only large regressions can be detected in
    /// time. Small ones that are everywhere are detected in the whole traffic. So most of the weight is where some
    /// hundred requests decide.
    static let slices = AlternativeGrid(alternatives: [
        Alternative(aim: .beyondEdge(h: 0.1), prior: 0.10),
        Alternative(aim: .beyondEdge(h: 0.2), prior: 0.30),
        Alternative(aim: .beyondEdge(h: 0.42), prior: 0.45),
        Alternative(aim: .beyondEdge(h: 0.8), prior: 0.12),
        Alternative(aim: .beyondEdge(h: 2.0), prior: 0.03),
    ])

    /// Slower candidates, by their share over an edge over which stable has the quantile's share or somewhat less. Odds
    /// of 1.5 to 20 correspond to latencies that are 1.1 to 4 times as long, in the tails and middles of common latency
    /// distributions.
    static let slower = AlternativeGrid(alternatives: [
        Alternative(aim: .oddsOverEdge(1.25), prior: 0.10),
        Alternative(aim: .oddsOverEdge(1.6), prior: 0.25),
        Alternative(aim: .oddsOverEdge(2.5), prior: 0.30),
        Alternative(aim: .oddsOverEdge(5), prior: 0.20),
        Alternative(aim: .oddsOverEdge(20), prior: 0.15),
    ])

    /// Candidates that are no slower, by their share over an edge farther out than stable's. For common latency
    /// distributions, a quarter to four fifths of stable's share remains over that edge, and nearly all of it in the
    /// middle of very wide ones.
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

    /// Candidates that should pass; most weight is on those as good as stable.
    static let acceptable = AlternativeGrid(alternatives: [
        Alternative(aim: .towardsEdge(0), prior: 0.55),
        Alternative(aim: .towardsEdge(0.15), prior: 0.15),
        Alternative(aim: .towardsEdge(0.5), prior: 0.10),
        Alternative(aim: .ofStable(0.6), prior: 0.10),
        Alternative(aim: .ofStable(0.1), prior: 0.10),
    ])
}
