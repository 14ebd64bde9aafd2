import Serving

/// Draws of a self-check: a seed in the record gives the same ones at any controller.
struct SelfCheckRandomness: Codable, Hashable, Sendable {
    private var numbers: SplitMix64

    init(seed: UInt64) { numbers = SplitMix64(seed: seed) }

    /// As the generator is written.
    init(from decoder: any Decoder) throws { numbers = try SplitMix64(from: decoder) }

    func encode(to encoder: any Encoder) throws { try numbers.encode(to: encoder) }

    /// At or above 0, below 1.
    mutating func uniform() -> Double { Double(numbers.next() >> 11) * 0x1p-53 }

    mutating func isHit(_ chance: Double) -> Bool { uniform() < chance }

    /// More trials than this are drawn by the normal approximation, whose error is then far below one.
    static let exactLimit = 4096

    /// The number of hits in this many trials.
    mutating func hits(of trials: Int, _ chance: Double) -> Int {
        guard trials > Self.exactLimit else {
            return (0..<max(trials, 0)).reduce(0) { hits, _ in isHit(chance) ? hits + 1 : hits }
        }
        // The sum of twelve uniform numbers has a variance of 1.
        let normal = (0..<12).reduce(-6.0) { sum, _ in sum + uniform() }
        let mean = Double(trials) * chance
        let drawn = mean + normal * (mean * (1 - chance)).squareRoot()
        return min(max(Int(drawn.rounded()), 0), trials)
    }
}
