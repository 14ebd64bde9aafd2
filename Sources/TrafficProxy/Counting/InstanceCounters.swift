import Serving

/// How a request ended, as the gates see it.
enum RequestOutcome: Hashable, Sendable {
    /// The instance answered, and the answer came through whole.
    case answered(status: Int)
    /// Connection failure, reset, time-out, a malformed answer, or one that was cut off.
    case failed

    var isError: Bool {
        switch self {
        case .answered(let status): status >= 500
        case .failed: true
        }
    }

    var isRejected: Bool {
        if case .answered(let status) = self { status >= 400 && status < 500 } else { false }
    }
}

/// Whose request it is: what is counted where.
enum RequestOrigin: Hashable, Sendable {
    case user
    /// A recorded request, of ours or of a client that says so: a stratum of its own.
    case synthetic
    /// Somebody tries one revision at its preview port: no evidence.
    case preview
}

/// What has ended at one instance since the proxy started.
struct InstanceCounters: Hashable, Sendable {
    private(set) var requests = 0
    private(set) var errors = 0
    private(set) var rejected = 0
    private(set) var latency = LatencyHistogram()
    private(set) var latencySumNanoseconds: Int64 = 0
    /// Requests whose clients gave up, by how long they had waited. None of them is in the counts above.
    private(set) var abandoned = LatencyHistogram()

    /// - Returns: the bucket of the latency.
    @discardableResult
    mutating func record(_ outcome: RequestOutcome, nanoseconds: Int64) -> Int {
        requests += 1
        if outcome.isError { errors += 1 } else if outcome.isRejected { rejected += 1 }
        let bucket = LatencyHistogram.bucket(nanoseconds: nanoseconds)
        latency.record(bucket: bucket)
        latencySumNanoseconds &+= nanoseconds
        return bucket
    }

    /// - Returns: the bucket of the time that was waited.
    @discardableResult
    mutating func recordAbandoned(afterNanoseconds waited: Int64) -> Int {
        let bucket = LatencyHistogram.bucket(nanoseconds: waited)
        abandoned.record(bucket: bucket)
        return bucket
    }

    var report: RequestCounters {
        RequestCounters(
            requests: requests, errors: errors, rejected: rejected, latency: latency.cumulative,
            bounds: LatencyBounds.seconds, abandoned: abandoned.over)
    }

    var every: TrafficCounters {
        TrafficCounters(
            requests: requests, errors: errors, rejected: rejected, latency: latency.cumulative,
            abandoned: abandoned.over)
    }

    /// Nil where there were none.
    var syntheticReport: SyntheticCounters? {
        requests == 0
            ? nil
            : SyntheticCounters(
                requests: requests, errors: errors, rejected: rejected, latency: latency.cumulative)
    }
}
