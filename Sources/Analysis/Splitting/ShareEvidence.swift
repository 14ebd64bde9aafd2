import RealModule

/// Whether the candidate's part of the requests is the one that was asked for, at whatever share each look had.
///
/// If each of n requests is the candidate's with probability p, whatever becomes of the others, the likelihood ratio
/// (p′/p)^c ((1−p′)/(1−p))^(n−c) of c of them has expectation 1 for every p′ that is fixed before. So products over looks are
/// e-processes, and so are means of such products (Lindon and Malek, "Anytime-valid inference for multinomial count data",
/// NeurIPS 2022). A product begins at every look, with weights that sum to 1 over all looks, so that a long time of right
/// splits does not hide a wrong one (Shin, Ramdas, Rinaldo, "E-detectors", 2022).
struct ShareEvidence: Codable, Hashable, Sendable {
    /// The candidate's odds over those asked for. None is nearer to 1 than a tenth: a split that is off by less is let be.
    static let oddsRatios = [0.5, 0.8, 0.9, 1 / 0.9, 1.25, 2]

    /// ln of what each odds ratio's products are worth together; empty before any began.
    private var logs: [Double] = []
    private var starts = 0

    /// - Parameter share: the candidate's, as asked for: 0…1.
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

    /// What comes is about others than what came, or about the same ones once more: nothing of both is multiplied. The starts
    /// go on, so that all of them together stake no more than 1.
    mutating func beginAnew() { logs = [] }

    /// ln of the evidence that the split is not as asked. It reaches ln(1/α) with a probability of at most α, whenever one
    /// looks.
    var logValue: Double {
        var sum = LogSum()
        for log in logs { sum.add(log) }
        return logs.isEmpty ? -.infinity : sum.log
    }

    /// About 1/(n ln² n), and a sum of 1 over all n: the differences of 1/ln(n + e).
    private static func weight(ofStart index: Int) -> Double {
        let number = Double(index)
        let euler = Double.exp(1)
        return 1 / .log(number + euler) - 1 / .log(number + 1 + euler)
    }
}
