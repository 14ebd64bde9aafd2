import Analysis
import RealModule

/// A rule that other tools use to judge a running experiment, on sums since the start. One-sided: it fails if the
/// candidate's rate exceeds stable's by more than the tolerance.
struct SequentialRule: Sendable {
    enum Kind: Sendable {
        /// GrowthBook's sequential testing (docs.growthbook.io: "Sequential Testing"): the asymptotic confidence
        /// sequence of Waudby-Smith and others (2023), tuned for this many units.
        case growthBook(tunedFor: Double)
        /// Five planned looks, evenly over this many requests, at the bounds of O'Brien and Fleming. It looks at no
        /// other time.
        case fivePlannedLooks(over: Double)
    }

    static let looks = 5.0
    /// The bound of S_k/√5 that is reached at any of five looks with probability 0.0045, from 3,000,000 simulated
    /// walks.
    static let bound = 2.652
    static let alpha = 0.0045

    let kind: Kind
    private var stable = SideCounts()
    private var candidate = SideCounts()
    private var looked = 0.0
    private(set) var fails = false

    init(_ kind: Kind) { self.kind = kind }

    mutating func absorb(_ interval: Interval) {
        stable.add(interval.stable)
        candidate.add(interval.candidate)
        let total = Double(stable.requests + candidate.requests)
        guard !fails, stable.requests > 0, candidate.requests > 0, let (difference, variance) = difference else {
            return
        }
        switch kind {
        case .growthBook(let tuned):
            let log = -2 * Double.log(2 * Self.alpha)
            let rho = ((log + .log(log + 1)) / tuned).squareRoot()
            let n = total * rho * rho
            let width = (2 * (n + 1) / n * .log((n + 1).squareRoot() / (2 * Self.alpha)) * variance).squareRoot()
            fails = difference > width
        case .fivePlannedLooks(let horizon):
            let look = (total * Self.looks / horizon).rounded(.down)
            guard look > looked, look <= Self.looks else { return }
            looked = look
            fails = difference > Self.bound * (Self.looks / look * variance).squareRoot()
        }
    }

    /// The difference between the candidate's rate and stable's rate at the tolerance. Nil while nothing failed.
    private var difference: (Double, variance: Double)? {
        let (n, m) = (Double(stable.requests), Double(candidate.requests))
        let (p, q) = (Double(stable.errors) / n, Double(candidate.errors) / m)
        let slope = 1 + Promise.tolerance
        let variance = slope * slope * p * (1 - p) / n + q * (1 - q) / m
        return variance > 0 ? (q - slope * p, variance) : nil
    }
}
