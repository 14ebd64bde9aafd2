import Analysis
import Foundation
import TestSupport

/// Looks at two streams of failures, with the proxy's counters or with those of a source that only counts.
struct ClumpedTraffic: Sendable {
    enum Counted: Sendable { case errors, slow }

    var stable: FailureStream
    var candidate: FailureStream
    /// The candidate's share.
    var weight: Double
    var counted = Counted.errors
    /// Whether the source reports what failed together.
    var tells = true
    private(set) var looks = 0
    private(set) var toCandidate = 0
    private var share = 0.0

    init(both: FailureStream, weight: Double, counted: Counted = .errors, tells: Bool = true) {
        (stable, candidate) = (both, both)
        (self.weight, self.counted, self.tells) = (weight, counted, tells)
    }

    mutating func look(_ requests: Int, _ draws: inout SeededDraws) -> Interval {
        looks += 1
        share += weight * Double(requests)
        let candidate = Int(share) - toCandidate
        toCandidate += candidate
        return Interval(
            at: Promise.start.addingTimeInterval(Double(looks)),
            stable: counts(stable.next(requests - candidate, &draws)),
            candidate: counts(self.candidate.next(candidate, &draws)))
    }

    private static let bounds = [0.1, 1]

    private func counts(_ counts: FailureStream.Counts) -> SideCounts {
        let together = tells ? counts.together : nil
        switch counted {
        case .errors:
            return SideCounts(requests: counts.requests, errors: counts.failures, errorsTogether: together)
        case .slow:
            return SideCounts(
                requests: counts.requests, latency: [counts.requests - counts.failures, counts.requests],
                bounds: Self.bounds, slowTogether: together.map { [$0, 0] })
        }
    }
}
