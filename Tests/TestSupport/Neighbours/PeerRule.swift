/// How another controller decides about a canary, written from its documentation, for comparison with mlctl's verdicts.
public protocol PeerRule: Sendable {
    /// - Parameter minutes: the counts of one-minute windows of a rollout, from its start.
    func end(of minutes: [CanaryMinute]) -> CanaryEnd
}

/// One minute of a canary's traffic.
public struct CanaryMinute: Hashable, Sendable {
    public struct Counts: Hashable, Sendable {
        public var requests: Int
        public var errors: Int

        public init(requests: Int, errors: Int) {
            self.requests = requests
            self.errors = errors
        }

        /// 0…1; nil if there were no requests.
        public var errorRate: Double? { requests > 0 ? Double(errors) / Double(requests) : nil }
    }

    public var candidate: Counts
    /// As much of stable's traffic as the candidate gets. Kayenta calls this a baseline.
    public var baseline: Counts

    public init(candidate: Counts, baseline: Counts) {
        self.candidate = candidate
        self.baseline = baseline
    }
}

public enum CanaryEnd: Hashable, Sendable {
    /// Promoted after this many minutes.
    case promoted(minute: Int)
    case rolledBack(minute: Int)
    case undecided
}
