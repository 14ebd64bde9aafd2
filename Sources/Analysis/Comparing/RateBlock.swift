import RealModule

/// Trials of one side: `successes` in 0…`count`. Means of bounded outcomes in 0…1 are valid too, so it is a real number.
struct Trials: Codable, Hashable, Sendable {
    var count: Double
    var successes: Double

    static let none = Trials(count: 0, successes: 0)

    static func + (left: Trials, right: Trials) -> Trials {
        Trials(count: left.count + right.count, successes: left.successes + right.successes)
    }
}

/// What both sides added between two looks: contributes one likelihood ratio, with its own exposures.
struct RateBlock: Codable, Hashable, Sendable {
    var stable: Trials
    var candidate: Trials

    static let empty = RateBlock(stable: .none, candidate: .none)

    /// A comparison needs both sides: a block with one says nothing about their ratio or difference.
    var compares: Bool { stable.count > 0 && candidate.count > 0 }

    static func + (left: RateBlock, right: RateBlock) -> RateBlock {
        RateBlock(stable: left.stable + right.stable, candidate: left.candidate + right.candidate)
    }

    /// ln of Π (p*/p°)^x ((1−p*)/(1−p°))^(n−x) over both sides.
    func logLikelihoodRatio(of alternative: RatePair, over projection: RatePair) -> Double {
        Self.logRatio(stable, alternative.stable, projection.stable)
            + Self.logRatio(candidate, alternative.candidate, projection.candidate)
    }

    private static func logRatio(_ trials: Trials, _ alternative: Double, _ null: Double) -> Double {
        trials.successes * .log(alternative / null)
            + (trials.count - trials.successes) * (.log(onePlus: -alternative) - .log(onePlus: -null))
    }
}

/// Rates of both sides, each strictly between 0 and 1.
struct RatePair: Hashable, Sendable {
    var stable: Double
    var candidate: Double
}
