/// The line `candidate = slope × stable + offset` in the square of both rates. `slope` ≥ 1, `offset` ≥ 0.
struct RateBoundary: Hashable, Sendable {
    var slope: Double
    var offset: Double

    func candidateRate(atStable rate: Double) -> Double { slope * rate + offset }

    /// The point of the line that is nearest to `alternative` in Kullback–Leibler divergence, with each side weighted
    /// by its exposure: the q that minimises `n_s KL(p_s‖q_s) + n_c KL(p_c‖q_c)`.
    ///
    /// - Returns: nil if the line does not cross the open square.
    func projection(of alternative: RatePair, stableCount: Double, candidateCount: Double) -> RatePair? {
        guard offset < 1 else { return nil }
        let stable =
            offset == 0
            ? rayRoot(alternative, stableCount, candidateCount)
            : lineRoot(alternative, stableCount, candidateCount)
        return RatePair(stable: stable, candidate: candidateRate(atStable: stable))
    }

    /// For a line through the origin, the numerator of the derivative is the quadratic `k N q² − (A(1+k) + B k + C) q +
    /// A`. Its smaller root lies in the square.
    private func rayRoot(_ alternative: RatePair, _ stableCount: Double, _ candidateCount: Double) -> Double {
        let a = candidateCount * alternative.candidate + stableCount * alternative.stable
        let b = candidateCount * (1 - alternative.candidate)
        let c = stableCount * (1 - alternative.stable)
        let linear = a * (1 + slope) + b * slope + c
        let discriminant = max(0, linear * linear - 4 * slope * (stableCount + candidateCount) * a)
        return 2 * a / (linear + discriminant.squareRoot())
    }

    /// For other lines: Newton's method on the derivative, kept in a bracket by bisection. Each side's term is zero at
    /// that side's own rate, so the root lies between the two rates.
    private func lineRoot(_ alternative: RatePair, _ stableCount: Double, _ candidateCount: Double) -> Double {
        let (own, others) = (alternative.stable, (alternative.candidate - offset) / slope)
        let largest = (1 - offset) / slope
        var low = max(min(own, others), 0)
        var high = min(max(own, others), largest)
        var rate = min(max((low * high).squareRoot(), high * 1e-3), largest * (1 - 1e-9))
        for _ in 0..<Self.iterationLimit {
            let candidate = candidateRate(atStable: rate)
            let perStable = stableCount / (rate * (1 - rate))
            let perCandidate = slope * candidateCount / (candidate * (1 - candidate))
            let stableTerm = perStable * (rate - own)
            let candidateTerm = perCandidate * (candidate - alternative.candidate)
            let derivative = stableTerm + candidateTerm
            if derivative < 0 { low = rate } else { high = rate }
            let curvature =
                perStable + slope * perCandidate - stableTerm * (1 - 2 * rate) / (rate * (1 - rate))
                - slope * candidateTerm * (1 - 2 * candidate) / (candidate * (1 - candidate))
            let newton = rate - derivative / curvature
            if abs(newton - rate) <= Self.relativePrecision * rate { return newton }
            rate = newton > low && newton < high ? newton : (low + high) / 2
        }
        return rate
    }

    private static let iterationLimit = 100
    /// The relative size of the last step. The error after it is of the order of its square.
    private static let relativePrecision = 1e-8
}

/// A convex set of rate pairs that a test tries to exclude.
///
/// For a convex null, the ratio of an alternative's likelihood to that of its Kullback–Leibler projection is an
/// E-variable: its expectation is at most 1 under *every* point of the null (Turner, Ly, Grünwald 2024). In short: the
/// expectation is a product of terms that are linear in the true rates, one for each request. By the inequality of the
/// means it is at most the N-th power of their average. That average is at most 1, because at a projection the
/// divergence falls in no direction that stays inside the null. So rates need not be equal within a block or from block
/// to block; only the block's mean rates must lie in the null.
enum RateNull: Hashable, Sendable {
    /// The candidate's rate is at or under the line: within tolerance.
    case atMost(RateBoundary)
    /// The candidate's rate is at or over `max((1 + relative) × stable, stable + absolute)`: beyond the pass margin.
    case beyondMargin(relative: Double, absolute: Double)

    /// The candidate's rate on the edge of the null.
    func edge(atStable rate: Double) -> Double {
        switch self {
        case .atMost(let boundary): boundary.candidateRate(atStable: rate)
        case .beyondMargin(let relative, let absolute): max((1 + relative) * rate, rate + absolute)
        }
    }

    /// - Parameter alternative: outside the null.
    /// - Returns: nil if the null does not meet the open square.
    func projection(of alternative: RatePair, stableCount: Double, candidateCount: Double) -> RatePair? {
        switch self {
        case .atMost(let boundary):
            return boundary.projection(of: alternative, stableCount: stableCount, candidateCount: candidateCount)
        case .beyondMargin(let relative, let absolute):
            // Two half-planes whose edges meet at one corner. The projection on an edge is the nearest point if it lies
            // beyond the other edge; otherwise the corner is nearest.
            let corner = relative > 0 ? absolute / relative : .infinity
            if absolute == 0 || corner < 1 {
                let ray = RateBoundary(slope: 1 + relative, offset: 0)
                let nearest = ray.projection(
                    of: alternative, stableCount: stableCount, candidateCount: candidateCount)
                if absolute == 0 { return nearest }
                if let nearest, nearest.stable >= corner { return nearest }
            }
            let line = RateBoundary(slope: 1, offset: absolute)
            let nearest = line.projection(of: alternative, stableCount: stableCount, candidateCount: candidateCount)
            if let nearest, nearest.stable <= corner { return nearest }
            return corner + absolute < 1 ? RatePair(stable: corner, candidate: corner + absolute) : nil
        }
    }
}
