import Foundation
import ModelManifests
import Serving

/// An outcome as it was reported (delayed ground truth): the value of one answer for one label.
package struct ReportedOutcome: Hashable, Sendable {
    /// The header `x-mlctl-request-id` of the answer.
    package var requestId: String
    package var label: String
    /// Zero or more; 1 or 0 for a yes-or-no label.
    package var value: Double

    package init(requestId: String, label: String, value: Double) {
        self.requestId = requestId
        self.label = label
        self.value = value
    }
}

/// An outcome of a request that a deployment has verifiably answered.
package struct VerifiedOutcome: Hashable, Sendable {
    package var request: RequestIdentity
    package var reported: ReportedOutcome

    package init(request: RequestIdentity, reported: ReportedOutcome) {
        self.request = request
        self.reported = reported
    }
}

/// The result of a batch. Every outcome counts in exactly one of the three numbers.
package struct OutcomeReceipt: Hashable, Codable, Sendable {
    /// Further refusals are counted but not listed.
    package static let refusalLimit = 10

    package struct Refusal: Hashable, Codable, Sendable {
        package var requestId: String
        package var label: String
        /// What is wrong, and what to do.
        package var reason: String

        package init(requestId: String, label: String, reason: String) {
            self.requestId = requestId
            self.label = label
            self.reason = reason
        }

        package init(_ outcome: ReportedOutcome, _ reason: String) {
            self.init(requestId: outcome.requestId, label: outcome.label, reason: reason)
        }
    }

    package var accepted: Int
    /// Reported before. The first report of a request and label counts, whatever later ones say.
    package var repeated: Int
    package var refused: Int
    /// The first refusals.
    package var refusals: [Refusal]

    package init(accepted: Int = 0, repeated: Int = 0, refusals: [Refusal] = []) {
        self.accepted = accepted
        self.repeated = repeated
        refused = refusals.count
        self.refusals = Array(refusals.prefix(Self.refusalLimit))
    }

    package static func + (left: OutcomeReceipt, right: OutcomeReceipt) -> OutcomeReceipt {
        var sum = left
        sum.accepted += right.accepted
        sum.repeated += right.repeated
        sum.refused += right.refused
        sum.refusals = Array((left.refusals + right.refusals).prefix(refusalLimit))
        return sum
    }
}
