import RealModule

/// Each alternative's bet on a block: its likelihood divided by that of its projection, for every guess of stable's
/// rate. The bets depend only on the block's size, so they give an E-variable for every outcome.
struct BlockBets {
    private var ratios: [LikelihoodRatio] = []
    /// ln of the weights of the guesses. Each alternative has one ratio for each guess.
    private let logWeights: [Double]

    /// - Parameter block: only its sizes are used, not its outcomes.
    init(onBlockLike block: RateBlock, against null: RateNull, grid: AlternativeGrid, guesses: [BaseRate.Guess]) {
        logWeights = guesses.map { $0.weight == 1 ? 0 : .log($0.weight) }
        ratios.reserveCapacity(grid.alternatives.count * guesses.count)
        let edges = guesses.map { null.edge(atStable: $0.rate) }
        for alternative in grid.alternatives {
            for (guess, edge) in zip(guesses, edges) {
                ratios.append(Self.ratio(alternative, guess.rate, edge, null, block) ?? .none)
            }
        }
    }

    /// Nil, which bets nothing, if there is no null.
    private static func ratio(
        _ alternative: AlternativeGrid.Alternative, _ stable: Double, _ edge: Double, _ null: RateNull,
        _ block: RateBlock
    ) -> LikelihoodRatio? {
        guard edge < 1 else { return nil }
        let aim = RatePair(stable: stable, candidate: alternative.candidateRate(stable, edge))
        let projection = null.projection(
            of: aim, stableCount: block.stable.count, candidateCount: block.candidate.count)
        return projection.map { LikelihoodRatio(of: aim, over: $0) }
    }

    /// ln of each alternative's E-variable.
    func logEVariables(_ outcome: RateBlock) -> [Double] {
        if logWeights.count == 1 { return ratios.map { logWeights[0] + $0.log(outcome) } }
        return stride(from: 0, to: ratios.count, by: logWeights.count).map { first in
            var sum = LogSum()
            for (offset, weight) in logWeights.enumerated() { sum.add(weight + ratios[first + offset].log(outcome)) }
            return sum.log
        }
    }
}

/// ln of an alternative's likelihood divided by that of a point of the null, for each outcome of a request.
struct LikelihoodRatio {
    private var stableSuccess = 0.0
    private var stableFailure = 0.0
    private var candidateSuccess = 0.0
    private var candidateFailure = 0.0

    /// Bets nothing.
    static let none = LikelihoodRatio()

    private init() {}

    init(of alternative: RatePair, over null: RatePair) {
        stableSuccess = .log(alternative.stable / null.stable)
        candidateSuccess = .log(alternative.candidate / null.candidate)
        stableFailure = .log(onePlus: (null.stable - alternative.stable) / (1 - null.stable))
        candidateFailure = .log(onePlus: (null.candidate - alternative.candidate) / (1 - null.candidate))
    }

    /// ln of the ratio for a whole block.
    func log(_ block: RateBlock) -> Double {
        block.stable.successes * stableSuccess + (block.stable.count - block.stable.successes) * stableFailure
            + block.candidate.successes * candidateSuccess
            + (block.candidate.count - block.candidate.successes) * candidateFailure
    }
}
