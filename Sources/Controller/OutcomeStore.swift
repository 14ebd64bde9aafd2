import Foundation
import ModelManifests
import Rollouts
import Serving

/// Where outcomes are kept, and summed by revision and label.
///
/// # Guarantees
/// - A request's label counts once, however often it is reported: also after a crash in the middle of a batch.
/// - Totals are cumulative counters: they only rise, until their revision is forgotten.
public protocol OutcomeStore: Sendable {
    /// Counts what was not known yet. The batch is written whole or not at all.
    /// - Parameter outcomes: of this deployment, verified, each value finite and not negative.
    func record(_ outcomes: [VerifiedOutcome], of deployment: DeploymentKey) async throws -> OutcomeReceipt

    /// One reading a revision, in the order asked for: `LABEL.count` and `LABEL.sum` among its named counters, 0 where
    /// nothing has been reported.
    /// - Parameter since: counts only requests from the first full minute at or after it. Labels come late: without it,
    ///   what is reported today of stable is about yesterday's traffic, and compared with a candidate that had none.
    func totals(
        of deployment: DeploymentKey, revisions: [Revision], labels: [String], since: Date?
    ) async throws -> [Reading]
}

/// What bounds an outcome store.
public enum OutcomeLimits {
    /// Of one revision. Each is counted for as long as the revision is known.
    public static let labels = 32
    /// Older requests have no outcomes any more.
    public static let age: Duration = .seconds(14 * 86_400)
    /// Outcomes of one revision and label that are remembered one by one. Beyond, the oldest requests are forgotten, and
    /// what is then reported of requests as old is refused, so that none counts twice.
    public static let remembered = 500_000
}

extension Reading {
    /// Totals as the source `outcomes` has them.
    public static func outcomes(
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

/// Answers decisions that compare outcomes.
public struct OutcomeInquirer: Inquirer {
    private let store: any OutcomeStore

    public init(store: any OutcomeStore) { self.store = store }

    public func answer(_ inquiry: Inquiry) async -> Finding.Answer {
        guard case .counters(MetricSourceName.outcomes, let ratios) = inquiry.question else {
            return .failed("not a question about outcomes")
        }
        let labels = Set(ratios.compactMap { Self.label($0) }).sorted()
        do {
            let readings = try await store.totals(
                of: inquiry.deployment,
                revisions: [inquiry.stable?.revision, inquiry.candidate.revision].compactMap(\.self), labels: labels,
                since: inquiry.since)
            return .counters(readings)
        } catch {
            return .failed("outcomes cannot be read: \((error as? any RetryableError)?.message ?? "\(error)")")
        }
    }

    /// `correct` for the ratio `correct.sum` over `correct.count`.
    static func label(_ ratio: CounterRatio) -> String? {
        let suffix = ".count"
        return ratio.per.hasSuffix(suffix) ? String(ratio.per.dropLast(suffix.count)) : nil
    }
}
