/// How other controllers decide about a canary, written from their documents, for tables beside mlctl's own verdicts.
public protocol NeighbourRule: Sendable {
    /// - Parameter minutes: what one-minute windows of a rollout counted, from its start.
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

        /// 0…1; nil where there were no requests.
        public var errorRate: Double? { requests > 0 ? Double(errors) / Double(requests) : nil }
    }

    public var candidate: Counts
    /// As much of stable's traffic as the candidate's: what Kayenta calls a baseline.
    public var baseline: Counts

    public init(candidate: Counts, baseline: Counts) {
        self.candidate = candidate
        self.baseline = baseline
    }
}

public enum CanaryEnd: Hashable, Sendable {
    /// After so many minutes.
    case promoted(minute: Int)
    case rolledBack(minute: Int)
    case undecided
}
