import RealModule

/// The distributions of both sides over the same buckets. Every share is above 0.
struct SharePair: Hashable, Sendable {
    var stable: [Double]
    var candidate: [Double]

    /// The share of values that moved to another bucket: the total variation distance, 0…1.
    var shift: Double { zip(stable, candidate).reduce(0) { $0 + abs($1.0 - $1.1) } / 2 }
}

/// All pairs of distributions whose total variation distance is at most `maxShift`: a convex set that the test tries to
/// exclude.
///
/// The ratio of an alternative's likelihood to that of any pair p, divided by the N-th power of the largest mean ratio,
/// is an E-variable for a block of N values. Its expectation is a product of terms that are linear in the true shares,
/// one for each value. By the inequality of the means it is at most the N-th power of their average. That average is
/// linear in the block's mean shares, so over the null it is at most `largestMeanRatio`. (Turner, Ly, Grünwald 2024 for
/// convex nulls; Lindon and Malek 2022 for multinomials.) So shares need not be equal within a block or from block to
/// block, and an inexact projection costs speed, never validity. At the exact projection that mean is 1.
struct ShiftNull: Hashable, Sendable {
    /// 0…1.
    let maxShift: Double

    /// A smaller value has no effect, and this one is finite.
    static let leastLog = -1e12

    /// ln of the E-variable of a block. 0, which bets nothing, if the alternative is within the null.
    func logEVariable(_ block: BucketBlock, _ alternative: SharePair) -> Double {
        let (stableCount, candidateCount) = (Double(block.stableCount), Double(block.candidateCount))
        guard alternative.shift > maxShift, stableCount > 0, candidateCount > 0 else { return 0 }
        let nearest = projection(of: alternative, stableCount: stableCount, candidateCount: candidateCount)
        let mean = largestMeanRatio(
            of: alternative, over: nearest, stableCount: stableCount, candidateCount: candidateCount)
        let log =
            Self.logRatio(block.stable, alternative.stable, nearest.stable)
            + Self.logRatio(block.candidate, alternative.candidate, nearest.candidate)
            - (stableCount + candidateCount) * max(0, .log(mean))
        return log > Self.leastLog ? log : Self.leastLog
    }

    private static func logRatio(_ counts: [Int], _ alternative: [Double], _ null: [Double]) -> Double {
        var sum = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            sum += Double(count) * .log(alternative[index] / null[index])
        }
        return sum
    }

    /// The largest expectation, over the null, of the mean ratio of a block's values.
    ///
    /// A pair within the null gives the two margins of a table with at most `maxShift` off the diagonal. The mean ratio
    /// is linear in the table, so its largest value is at the best cells.
    func largestMeanRatio(
        of alternative: SharePair, over null: SharePair, stableCount: Double, candidateCount: Double
    ) -> Double {
        var (diagonal, ofStable, ofCandidate) = (0.0, 0.0, 0.0)
        for index in null.stable.indices {
            let stable = stableCount * alternative.stable[index] / null.stable[index]
            let candidate = candidateCount * alternative.candidate[index] / null.candidate[index]
            diagonal = max(diagonal, stable + candidate)
            ofStable = max(ofStable, stable)
            ofCandidate = max(ofCandidate, candidate)
        }
        return ((1 - maxShift) * diagonal + maxShift * (ofStable + ofCandidate)) / (stableCount + candidateCount)
    }

    /// The pair of the null that is nearest to `alternative` in Kullback–Leibler divergence, with each side weighted by
    /// its count: it minimises `n_s KL(a_s‖p_s) + n_c KL(a_c‖p_c)`.
    ///
    /// At the optimum the ratio a/p of each side is capped, as in Huber's robust likelihood ratio test (1965). In
    /// buckets that stable has far more often than the candidate, stable's ratio is at its cap; in buckets that the
    /// candidate has far more often, the candidate's is; in all others both sides' shares are equal.
    ///
    /// - Parameter alternative: outside the null.
    func projection(of alternative: SharePair, stableCount: Double, candidateCount: Double) -> SharePair {
        let stable = alternative.stable.map { $0 * stableCount }
        let candidate = alternative.candidate.map { $0 * candidateCount }
        let total = stableCount + candidateCount
        guard maxShift > 0 else {
            let pooled = zip(stable, candidate).map { ($0 + $1) / total }
            return SharePair(stable: pooled, candidate: pooled)
        }
        let caps = Caps(stable, candidate, total: total, maxShift: maxShift)
        var nearest = SharePair(stable: [], candidate: [])
        for (s, c) in zip(stable, candidate) {
            if s / (s + c) > caps.stable {
                nearest.stable.append(s / (caps.level * caps.stable))
                nearest.candidate.append(c / (caps.level * (1 - caps.stable)))
            } else if c / (s + c) > caps.candidate {
                nearest.stable.append(s / (caps.level * (1 - caps.candidate)))
                nearest.candidate.append(c / (caps.level * caps.candidate))
            } else {
                nearest.stable.append((s + c) / caps.level)
                nearest.candidate.append((s + c) / caps.level)
            }
        }
        return nearest
    }
}

/// The caps of a projection. One unknown, the level D, remains once each side's cap x is the one that moves exactly
/// `maxShift`. D (1 − maxShift + maxShift (x_s + x_c)) = N determines it: the root of a falling function, found by
/// Newton's method in a bracket.
private struct Caps {
    private(set) var level: Double
    /// As shares of the level. The caps of both sides sum to at least 1.
    private(set) var stable = 1.0
    private(set) var candidate = 1.0

    private static let iterationLimit = 60
    private static let precision = 1e-14

    init(_ stable: [Double], _ candidate: [Double], total: Double, maxShift: Double) {
        let ofStable = CappedSide(own: stable, other: candidate)
        let ofCandidate = CappedSide(own: candidate, other: stable)
        var (low, high) = (total / (1 + maxShift), total)
        level = (low + high) / 2
        for _ in 0..<Self.iterationLimit {
            let one = ofStable.cap(moving: maxShift * level)
            let other = ofCandidate.cap(moving: maxShift * level)
            (self.stable, self.candidate) = (one.cap, other.cap)
            let caps = one.cap + other.cap
            let excess = total / level - maxShift * caps - (1 - maxShift)
            if abs(excess) <= Self.precision { return }
            let isTooHigh = caps < 1 || excess <= 0
            if isTooHigh { high = level } else { low = level }
            let slope = -total / (level * level) + maxShift * maxShift * (1 / one.steepness + 1 / other.steepness)
            let newton = level - excess / slope
            let next = caps >= 1 && newton > low && newton < high ? newton : (low + high) / 2
            if abs(next - level) <= Self.precision * level { return }
            level = next
        }
    }
}

/// Σ max(0, own / x − other / (1 − x)): by how much this side exceeds the other if its ratio is capped at x of the
/// level.
private struct CappedSide {
    private let edges: [Double]
    private let own: [Double]
    private let other: [Double]

    init(own: [Double], other: [Double]) {
        let order = own.indices.map { (edge: own[$0] / (own[$0] + other[$0]), index: $0) }.sorted { $0.edge > $1.edge }
        edges = order.map(\.edge)
        self.own = Self.sums(order.map { own[$0.index] })
        self.other = Self.sums(order.map { other[$0.index] })
    }

    private static func sums(_ terms: [Double]) -> [Double] {
        var sum = 0.0
        return terms.map { term in
            sum += term
            return sum
        }
    }

    /// The cap at which exactly `amount` is moved, and how fast the moved amount falls there. Only buckets with edges
    /// above the cap move. These are the first ones in order, and the cap is the smaller root of a quadratic.
    func cap(moving amount: Double) -> (cap: Double, steepness: Double) {
        let last = edges.indices.dropLast().first { index in
            let edge = edges[index + 1]
            return own[index] / edge - other[index] / (1 - edge) >= amount
        }
        let index = last ?? edges.count - 1
        let linear = own[index] + other[index] + amount
        let discriminant = max(0, linear * linear - 4 * amount * own[index])
        let cap = 2 * own[index] / (linear + discriminant.squareRoot())
        return (cap, own[index] / (cap * cap) + other[index] / ((1 - cap) * (1 - cap)))
    }
}
