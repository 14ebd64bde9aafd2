import Foundation
import ModelManifests
import Serving

/// Delayed ground truth as somebody reports it: what one answer turned out to be worth, by one label.
public struct ReportedOutcome: Hashable, Sendable {
    /// What the answer carried as `x-mlctl-request-id`.
    public var requestId: String
    public var label: String
    /// From 0 on; 1 or 0 where the label is a yes or a no.
    public var value: Double

    public init(requestId: String, label: String, value: Double) {
        self.requestId = requestId
        self.label = label
        self.value = value
    }
}

/// An outcome of a request that one deployment has really answered.
public struct VerifiedOutcome: Hashable, Sendable {
    public var request: RequestIdentity
    public var reported: ReportedOutcome

    public init(request: RequestIdentity, reported: ReportedOutcome) {
        self.request = request
        self.reported = reported
    }
}

/// What became of a batch: every outcome is in one of the three numbers.
public struct OutcomeReceipt: Hashable, Codable, Sendable {
    /// Refusals beyond these are counted, not listed.
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
    /// Known before: the first report of a request and label counts, whatever later ones say.
    public var repeated: Int
    public var refused: Int
    /// The first few.
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
