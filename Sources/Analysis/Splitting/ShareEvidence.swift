import RealModule

/// Tests whether the candidate gets the requested share of the requests, with the share of each look.
///
/// If each of n requests is the candidate's with probability p, independently of the others, then the likelihood ratio
/// (p′/p)^c ((1−p′)/(1−p))^(n−c) for c of them has expectation 1 for every p′ that is fixed in advance. So products
/// over looks are e-processes, and so are means of such products (Lindon and Malek, "Anytime-valid inference for
/// multinomial count data", NeurIPS 2022). A product begins at every look, with weights that sum to 1 over all looks,
/// so a long time of correct splits does not hide a wrong one (Shin, Ramdas, Rinaldo, "E-detectors", 2022).
struct ShareEvidence: Codable, Hashable, Sendable {
    /// The candidate's odds relative to the requested ones. None is closer to 1 than a tenth: a smaller difference is
    /// accepted.
    static let oddsRatios = [0.5, 0.8, 0.9, 1 / 0.9, 1.25, 2]

    /// ln of the combined value of each odds ratio's products. Empty before any began.
    private var logs: [Double] = []
    private var starts = 0

    /// - Parameter share: the candidate's requested share, 0…1.
    mutating func absorb(candidate: Int, stable: Int, share: Double) {
        guard share > 0, share < 1, candidate + stable > 0 else { return }
        let stake = Double.log(Self.weight(ofStart: starts) / Double(Self.oddsRatios.count))
        starts += 1
        logs = Self.oddsRatios.enumerated().map { index, ratio in
            let odds = ratio * share / (1 - share)
            var sum = LogSum()
            sum.add(stake)
            if !logs.isEmpty { sum.add(logs[index]) }
            let ratios =
                Double(candidate) * .log(odds / (1 + odds) / share)
                + Double(stable) * .log(1 / (1 + odds) / (1 - share))
            return MixtureEvidence.shortened(sum.log + ratios)
        }
    }

    /// The next requests may be of other users or of the same users again, so nothing before is multiplied with them.
    /// The numbering of the starts continues, so that all of them together stake at most 1.
    mutating func startNewEpoch() { logs = [] }

    /// ln of the evidence that the split is not as requested. It reaches ln(1/α) with probability at most α, whenever
    /// one looks.
    var logValue: Double {
        var sum = LogSum()
        for log in logs { sum.add(log) }
        return logs.isEmpty ? -.infinity : sum.log
    }

    /// About 1/(n ln² n), with a sum of 1 over all n: the differences of 1/ln(n + e).
    private static func weight(ofStart index: Int) -> Double {
        let number = Double(index)
        let euler = Double.exp(1)
        return 1 / .log(number + euler) - 1 / .log(number + 1 + euler)
    }
}
