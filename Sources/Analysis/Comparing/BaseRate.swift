import RealModule

/// An estimate of stable's rate from past blocks only, so that the next block's alternative is fixed before the block
/// is seen. A wrong estimate costs speed, never validity. At low rates it costs nothing, because only the ratio counts
/// there.
struct BaseRate: Codable, Hashable, Sendable {
    /// The number of stable's latest requests that are remembered, with exponential forgetting, because the base rate
    /// changes.
    static let memory = 10_000.0
    /// The assumption before anything is seen. It counts as much as `priorCount` requests.
    static let priorRate = 0.01
    static let priorCount = 50.0
    /// Rates that are tried in addition to the estimate while a block outweighs everything that is known, for example
    /// in the first lines of a coarse recording.
    static let strangers = [0.001, 0.01, 0.05, 0.2]

    private var count = 0.0
    private var successes = 0.0

    struct Guess: Hashable, Sendable {
        var rate: Double
        var weight: Double
    }

    /// Guesses for a block of `size` of stable's requests. Their weights sum to 1 and do not depend on the block's
    /// outcomes.
    func guesses(forBlockOf size: Double) -> [Guess] {
        let share = size / (size + count + Self.priorCount)
        let doubt = 0.5 * share * share
        guard doubt > 0.01 else { return [Guess(rate: estimate, weight: 1)] }
        let strangers = Self.strangers.map { Guess(rate: $0, weight: doubt / Double(Self.strangers.count)) }
        return [Guess(rate: estimate, weight: 1 - doubt)] + strangers
    }

    /// Whether any request was seen.
    var isKnown: Bool { count > 0 }

    var estimate: Double {
        let rate = (successes + Self.priorRate * Self.priorCount) / (count + Self.priorCount)
        return min(max(rate, 1e-6), 1 - 1e-3)
    }

    mutating func learn(_ trials: Trials) {
        count += trials.count
        successes += trials.successes
        if count > Self.memory {
            // Six decimals are precise enough and keep the record short.
            successes = (successes * Self.memory / count * 1e6).rounded() / 1e6
            count = Self.memory
        }
    }
}
