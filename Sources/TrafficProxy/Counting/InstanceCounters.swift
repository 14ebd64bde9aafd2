import Serving

/// How a request ended, from the view of the gates.
enum RequestOutcome: Hashable, Sendable {
    /// The instance answered, and the answer was forwarded completely.
    case answered(status: Int)
    /// A gRPC call ended with this status. HTTP's status says nothing about it.
    case call(RPCStatus)
    /// The connection failed or was reset, the request timed out, or the answer was malformed or cut off.
    case failed

    var isError: Bool {
        switch self {
        case .answered(let status): status >= 500
        case .call(let status): status.isError
        case .failed: true
        }
    }

    var isRejected: Bool {
        switch self {
        case .answered(let status): status >= 400 && status < 500
        case .call(let status): status.isRejection
        case .failed: false
        }
    }
}

/// The source of a request. It decides where the request is counted.
enum RequestOrigin: Hashable, Sendable {
    case user
    /// A recorded request, from this proxy or from a client that marks it so. It is a stratum of its own.
    case synthetic
    /// A request at a preview port. It is not evidence.
    case preview
}

/// Counters of the requests that ended at one instance since the proxy started.
struct InstanceCounters: Hashable, Sendable {
    private(set) var requests = 0
    private(set) var errors = 0
    private(set) var rejected = 0
    private(set) var latency = LatencyHistogram()
    private(set) var latencySumNanoseconds: Int64 = 0
    /// Requests whose clients gave up, by how long they waited. The counts above do not include them.
    private(set) var abandoned = LatencyHistogram()

    /// - Returns: the latency bucket.
    @discardableResult
    mutating func record(_ outcome: RequestOutcome, nanoseconds: Int64) -> Int {
        requests += 1
        if outcome.isError { errors += 1 } else if outcome.isRejected { rejected += 1 }
        let bucket = LatencyHistogram.bucket(nanoseconds: nanoseconds)
        latency.record(bucket: bucket)
        latencySumNanoseconds &+= nanoseconds
        return bucket
    }

    /// - Returns: the bucket of the time that the client waited.
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

    /// Nil if there were none.
    var syntheticReport: SyntheticCounters? {
        requests == 0
            ? nil
            : SyntheticCounters(
                requests: requests, errors: errors, rejected: rejected, latency: latency.cumulative)
    }
}

/// The IDs of the last failed requests, newest last.
struct FailedRequestIds: Hashable, Sendable {
    private let capacity: Int
    private var ids: [String] = []
    /// The index of the oldest ID, which the next one replaces once the ring is full.
    private var next = 0

    init(capacity: Int) { self.capacity = capacity }

    mutating func append(_ id: String) {
        if ids.count < capacity {
            ids.append(id)
        } else if capacity > 0 {
            ids[next] = id
            next = (next + 1) % capacity
        }
    }

    var newestLast: [String] { Array(ids[next...] + ids[..<next]) }
}
