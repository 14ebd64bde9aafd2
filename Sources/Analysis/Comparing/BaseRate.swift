import RealModule

/// A guess at stable's rate from past blocks only, so that the next block's alternative is fixed before it is seen.
/// A wrong guess costs speed, never validity; at low rates it costs nothing, for then the ratio alone counts.
struct BaseRate: Codable, Hashable, Sendable {
    /// So many of stable's latest requests are remembered, with exponential forgetting: the base rate moves.
    static let memory = 10_000.0
    /// What is believed before anything is seen, worth `priorCount` requests.
    static let priorRate = 0.01
    static let priorCount = 50.0
    /// Tried beside the estimate while a block outweighs all that is known: the first lines of a coarse recording.
    static let strangers = [0.001, 0.01, 0.05, 0.2]

    private var count = 0.0
    private var successes = 0.0

    struct Guess: Hashable, Sendable {
        var rate: Double
        var weight: Double
    }

    /// Guesses for a block of `size` of stable's requests. Weights sum to 1 and do not depend on the block's outcomes.
    func guesses(forBlockOf size: Double) -> [Guess] {
        let share = size / (size + count + Self.priorCount)
        let doubt = 0.5 * share * share
        guard doubt > 0.01 else { return [Guess(rate: estimate, weight: 1)] }
        let strangers = Self.strangers.map { Guess(rate: $0, weight: doubt / Double(Self.strangers.count)) }
        return [Guess(rate: estimate, weight: 1 - doubt)] + strangers
    }

    /// Something has been seen.
    var isKnown: Bool { count > 0 }

    var estimate: Double {
        let rate = (successes + Self.priorRate * Self.priorCount) / (count + Self.priorCount)
        return min(max(rate, 1e-6), 1 - 1e-3)
    }

    mutating func learn(_ trials: Trials) {
        count += trials.count
        successes += trials.successes
        if count > Self.memory {
            // Six decimals are enough, and short to write.
            successes = (successes * Self.memory / count * 1e6).rounded() / 1e6
            count = Self.memory
        }
    }
}
