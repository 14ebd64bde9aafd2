import Analysis
import Foundation
import ModelManifests
import TestSupport

/// How soon regressions other than errors are found after a long healthy past, compared with a fresh start: latency
/// quantiles, shadows and predictions.
enum LongPast {
    /// The candidate's units before the change, and the number of streams.
    private static let pasts: [(healthy: Int, streams: Int)] = [(0, 100), (20_000, 40), (200_000, 8)]
    private static let most = 200_000

    private struct Row: Sendable {
        var what: String
        var kind: GateSpec.Kind
        var goal: Double
        /// Counts of this many units of both sides. The candidate's may be bad.
        var look: @Sendable (_ stable: Int, _ candidate: Int, _ isBad: Bool, inout SeededDraws) -> Interval
    }

    private static let usual = LatencyShares(medianSeconds: 0.1, sigma: 0.5)
    private static let slower = LatencyShares(medianSeconds: 0.15, sigma: 0.5)
    private static let even = Array(repeating: 0.125, count: 8)
    private static let moved = [0.275, 0.275, 0.125, 0.125, 0.05, 0.05, 0.05, 0.05]

    private static let rows: [Row] =
        [CompareGate.Metric.latencyP95, .latencyP99].map { metric in
            Row(what: "\(metric.rawValue) × 1.5", kind: .compare(CompareGate(metric: metric)), goal: 5) {
                stable, candidate, isBad, draws in
                var sides = [SideCounts(requests: stable), SideCounts(requests: candidate)]
                usual.fill(&sides[0], &draws)
                (isBad ? slower : usual).fill(&sides[1], &draws)
                return Interval(at: Promise.start, stable: sides[0], candidate: sides[1])
            }
        } + [
            Row(
                what: "a shadow's disagreement 1 → 20 %, 5 % allowed",
                kind: .agreement(AgreementGate(metric: .agreement(min: 0.95))), goal: 5
            ) { _, candidate, isBad, draws in
                let pairs = PairCounts(pairs: candidate, disagreements: draws.binomial(candidate, isBad ? 0.2 : 0.01))
                return Interval(at: Promise.start, stable: SideCounts(), candidate: SideCounts(pairs: pairs))
            },
            Row(
                what: "predictions, 30 points move, 5 allowed", kind: .distribution(DistributionGate(observe: "score")),
                goal: 5
            ) { stable, candidate, isBad, draws in
                Interval(
                    at: Promise.start, stable: SideCounts(observed: ["score": draws.buckets(stable, even)]),
                    candidate: SideCounts(observed: ["score": draws.buckets(candidate, isBad ? moved : even)]))
            },
        ]

    static func run(_ streams: Streams, firstCell: Int) async -> [Figure] {
        var figures: [Figure] = []
        for (index, row) in rows.enumerated() {
            var fresh = Double.nan
            for (column, past) in pasts.enumerated() {
                let ends = await streams.atMost(past.streams).map(cell: firstCell + 3 * index + column) {
                    found(row, after: past.healthy, &$0)
                }
                let median = ends.medianOrNever
                if past.healthy == 0 { fresh = median ?? .nan }
                let ratio = (median ?? .infinity) / fresh
                figures.append(
                    Figure(
                        what: "\(row.what), after \(past.healthy) healthy ones, weight 25 %: median to fail",
                        goal: "≤ \(text(row.goal)) × a fresh start",
                        measured: "\(whole(median)) of the candidate's, \(text(ratio, 1)) ×", isMet: ratio <= row.goal))
            }
        }
        return figures
    }

    /// The candidate's units since the change. Nil if the gate never fails, or failed before.
    private static func found(_ row: Row, after healthy: Int, _ draws: inout SeededDraws) -> Double? {
        var judgement = Alertness.judgement(row.kind)
        let own = Alertness.requestsPerLook / 4
        var units = 0
        while judgement.verdict != .fail, units < healthy + most {
            judgement.absorb(row.look(3 * own, own, units >= healthy, &draws))
            units += own
        }
        return judgement.verdict == .fail && units > healthy ? Double(units - healthy) : nil
    }
}
