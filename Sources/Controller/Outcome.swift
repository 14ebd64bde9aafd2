import Foundation
import ModelManifests
import Serving

/// An outcome as it was reported (delayed ground truth): the value of one answer for one label.
public struct ReportedOutcome: Hashable, Sendable {
    /// The header `x-mlctl-request-id` of the answer.
    public var requestId: String
    public var label: String
    /// Zero or more; 1 or 0 for a yes-or-no label.
    public var value: Double

    public init(requestId: String, label: String, value: Double) {
        self.requestId = requestId
        self.label = label
        self.value = value
    }
}

/// An outcome of a request that a deployment has verifiably answered.
public struct VerifiedOutcome: Hashable, Sendable {
    public var request: RequestIdentity
    public var reported: ReportedOutcome

    public init(request: RequestIdentity, reported: ReportedOutcome) {
        self.request = request
        self.reported = reported
    }
}

/// The result of a batch. Every outcome counts in exactly one of the three numbers.
public struct OutcomeReceipt: Hashable, Codable, Sendable {
    /// Further refusals are counted but not listed.
    public static let refusalLimit = 10

    public struct Refusal: Hashable, Codable, Sendable {
        public var requestId: String
        public var label: String
        /// What is wrong, and what to do.
        public var reason: String

        public init(requestId: String, label: String, reason: String) {
            self.requestId = requestId
            self.label = label
            self.reason = reason
        }

        public init(_ outcome: ReportedOutcome, _ reason: String) {
            self.init(requestId: outcome.requestId, label: outcome.label, reason: reason)
        }
    }

    public var accepted: Int
    /// Reported before. The first report of a request and label counts, whatever later ones say.
    public var repeated: Int
    public var refused: Int
    /// The first refusals.
    public var refusals: [Refusal]

    public init(accepted: Int = 0, repeated: Int = 0, refusals: [Refusal] = []) {
        self.accepted = accepted
        self.repeated = repeated
        refused = refusals.count
        self.refusals = Array(refusals.prefix(Self.refusalLimit))
    }

    public static func + (left: OutcomeReceipt, right: OutcomeReceipt) -> OutcomeReceipt {
        var sum = left
        sum.accepted += right.accepted
        sum.repeated += right.repeated
        sum.refused += right.refused
        sum.refusals = Array((left.refusals + right.refusals).prefix(refusalLimit))
        return sum
    }
}
