import Analysis
import Foundation
import TestSupport

/// The traffic of a rollout: weights and error rates as functions of the elapsed share of the rollout (0…1).
struct RatePath: Sendable {
    var weight: @Sendable (Double) -> Double
    var stable: @Sendable (Double) -> Double
    var candidate: @Sendable (Double) -> Double

    static func steady(weight: Double, stable: Double, candidate: Double) -> RatePath {
        RatePath(weight: { _ in weight }, stable: { _ in stable }, candidate: { _ in candidate })
    }
}

/// The looks, as total numbers of requests, ascending.
struct Looks: Sendable {
    var totals: [Int]

    /// Each look is `ratio` times as late as the one before.
    static func geometric(first: Int, ratio: Double, last: Int) -> Looks {
        var totals = [first]
        var next = Double(first)
        while let latest = totals.last, latest < last {
            next *= ratio
            totals.append(min(last, max(latest + 1, Int(next))))
        }
        return Looks(totals: totals)
    }

    static func even(every: Int, last: Int) -> Looks {
        Looks(totals: Array(stride(from: every, through: last, by: every)))
    }
}

/// The counts of both sides between two looks, as in the proxy's counters. The candidate gets exactly its weight of
/// each look's requests, as with the proxy's permuted blocks.
struct ErrorTraffic {
    static let requestsPerSecond = 50.0

    let path: RatePath
    let horizon: Int
    private(set) var total = 0
    private(set) var toCandidate = 0
    private var candidateShare = 0.0

    init(_ path: RatePath, horizon: Int) {
        self.path = path
        self.horizon = horizon
    }

    mutating func advance(to next: Int, _ draws: inout SeededDraws) -> Interval {
        let part = Double(total) / Double(horizon)
        candidateShare += path.weight(part) * Double(next - total)
        let candidate = Int(candidateShare.rounded(.down)) - toCandidate
        let stable = next - total - candidate
        total = next
        toCandidate += candidate
        return Interval(
            at: Date(timeIntervalSinceReferenceDate: Double(total) / Self.requestsPerSecond),
            stable: SideCounts(requests: stable, errors: draws.binomial(stable, path.stable(part))),
            candidate: SideCounts(requests: candidate, errors: draws.binomial(candidate, path.candidate(part))))
    }
}
