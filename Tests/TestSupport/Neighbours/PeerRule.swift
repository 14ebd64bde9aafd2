/// How another controller decides about a canary, written from its documentation, for comparison with mlctl's verdicts.
package protocol PeerRule: Sendable {
    /// - Parameter minutes: the counts of one-minute windows of a rollout, from its start.
    func end(of minutes: [CanaryMinute]) -> CanaryEnd
}

/// One minute of a canary's traffic.
package struct CanaryMinute: Hashable, Sendable {
    package struct Counts: Hashable, Sendable {
        package var requests: Int
        package var errors: Int

        package init(requests: Int, errors: Int) {
            self.requests = requests
            self.errors = errors
        }

        /// 0…1; nil if there were no requests.
        package var errorRate: Double? { requests > 0 ? Double(errors) / Double(requests) : nil }
    }

    package var candidate: Counts
    /// As much of stable's traffic as the candidate gets. Kayenta calls this a baseline.
    package var baseline: Counts

    package init(candidate: Counts, baseline: Counts) {
        self.candidate = candidate
        self.baseline = baseline
    }
}

package enum CanaryEnd: Hashable, Sendable {
    /// Promoted after this many minutes.
    case promoted(minute: Int)
    case rolledBack(minute: Int)
    case undecided
}
