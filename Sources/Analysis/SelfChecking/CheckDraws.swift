/// The random draws of a self-check. The state in the record gives the same draws at any controller.
///
/// Source: SplitMix64 (Steele, Lea, Flood 2014).
struct CheckDraws: Codable, Hashable, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// At least 0 and less than 1.
    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

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
