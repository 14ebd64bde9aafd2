import Foundation
import ModelManifests
import Serving

/// Stores outcomes, and sums them by revision and label.
///
/// # Guarantees
/// - A label of a request counts once, however often it is reported, even after a crash in the middle of a batch.
/// - Totals are cumulative counters: they only grow, until their revision is forgotten.
package protocol OutcomeStore: Sendable {
    /// Counts the outcomes that are new. The batch is written completely or not at all.
    /// - Parameter outcomes: verified outcomes of this deployment; each value is finite and not negative.
    func record(_ outcomes: [VerifiedOutcome], of deployment: DeploymentKey) async throws -> OutcomeReceipt

    /// One reading per revision, in the given order, with `LABEL.count` and `LABEL.sum` as named counters; 0 if nothing was
    /// reported.
    /// - Parameter since: counts only requests from the first full minute at or after it. Labels arrive late: without this limit,
    ///   today's reports for stable would be about yesterday's traffic, when the candidate had none.
    func totals(
        of deployment: DeploymentKey, revisions: [Revision], labels: [String], since: Date?
    ) async throws -> [Reading]
}

/// The limits of an outcome store.
package enum OutcomeLimits {
    /// Labels per revision. Each one is counted as long as the revision is known.
    package static let labels = 32
    /// Outcomes of older requests are refused.
    package static let age: Duration = .seconds(14 * 86_400)
    /// Outcomes of one revision and label that are remembered individually. Beyond this number the oldest requests are forgotten.
    /// Reports for requests of that age are then refused, so that none counts twice.
    package static let remembered = 500_000
}

extension Reading {
    /// The totals as a reading of the source `outcomes`.
    package static func outcomes(
        of revision: Revision, _ totals: [String: (count: Int, sum: Double)], labels: [String]
    ) -> Reading {
        var counters = RequestCounters()
        for label in labels {
            counters.named["\(label).count"] = Double(totals[label]?.count ?? 0)
            counters.named["\(label).sum"] = totals[label]?.sum ?? 0
        }
        return Reading(
            instance: "\(MetricSourceName.outcomes)/\(revision)", revision: revision, epoch: MetricSourceName.outcomes,
            counters: counters)
    }
}
