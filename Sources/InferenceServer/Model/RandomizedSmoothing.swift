import Foundation

/// The mean answer over noisy copies of a row (Cohen, Rosenfeld, Kolter: "Certified adversarial robustness via randomized
/// smoothing", ICML 2019). More stable against small changes of the input, at `copies` times the cost.
///
/// The noise depends only on the seed, so the same row gets the same answer.
struct RandomizedSmoothing: Hashable, Sendable {
    /// The largest permitted number of copies.
    static let maximumCopies = 100_000

    var copies: Int
    var seed: UInt64
    /// The noise's standard deviation, one per input.
    var deviations: [Double]

    /// Calls `score` with each copy, and returns the mean of the results.
    func mean(of row: [Double], score: ([Double]) throws(ScoringError) -> [Double]) throws(ScoringError) -> [Double] {
        var noise = GaussianNoise(seed: seed)
        var sums: [Double] = []
        for _ in 0..<copies {
            let values = try score(zip(row, deviations).map { $0 + $1 * noise.next() })
            if sums.isEmpty { sums = values.map { _ in 0 } }
            for output in values.indices { sums[output] += values[output] }
        }
        return sums.map { $0 / Double(copies) }
    }
}

/// Standard normal numbers, by the Box-Muller transform of SplitMix64.
private struct GaussianNoise {
    private var state: UInt64
    private var spare: Double?

    init(seed: UInt64) { state = seed }

    mutating func next() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        let radius = (-2 * log(uniform())).squareRoot()
        let angle = 2 * Double.pi * uniform()
        spare = radius * sin(angle)
        return radius * cos(angle)
    }

    /// In (0, 1]. Never zero, whose logarithm is not finite.
    private mutating func uniform() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return Double((mixed >> 11) + 1) * 0x1p-53
    }
}
