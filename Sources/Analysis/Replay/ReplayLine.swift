/// One line of recorded metrics: cumulative counters of both sides at one time of one stream.
///
/// ```json
/// {"stream": "payments/fraud-scorer/3f1c", "t": 10,
///  "stable": {"requests": 950, "errors": 9, "rejected": 2, "latency": {"0.1": 900, "0.25": 940, "+Inf": 950},
///             "tokens": 81000, "converted.sum": 31, "converted.count": 800, "score": [700, 200, 50]},
///  "candidate": {"requests": 50, "errors": 3, "synthetic": {"requests": 20, "errors": 0},
///                "pairs": 40, "disagreements": 1, "distance": 0.8, "class": {"cat": 30, "dog": 20}}}
/// ```
/// - `requests`, `errors`, `rejected`, `latency`: of users; `synthetic` holds the same of requests that mlctl sent itself.
/// - `proxy`: what mlctl's own proxy can tell beside them. `unavailable`: meant for the side and not served by it.
///   `abandoned` (`{"0.1": 3}`): clients that gave up after more than each bound. `together` (`{"errors": 2, "slow":
///   {"0.1": 1}}`): for each request that failed, or was slow, how many of its instance did in the same event, summed. With
///   sticky users the counts above are of each user's first request; `every` and `everyAbandoned` hold the same of all
///   requests, and `users` (`windows`, `units`, `failed`, `touched`, `rejected`, `slowed`, `dropped`) users by windows of
///   time. A recording without them is judged without them.
/// - `pairs`, `disagreements`, `distance`: a shadow's, on the candidate's side.
/// - Any other number is a counter under its name, as a gate's `of` and `per` name it; outcomes are `LABEL.sum` and
///   `LABEL.count`. A gate finds `requests` and the others above as counters too.
/// - Gates of costs take `instanceSeconds` (for how long instances were measured, summed over them) with `cpuSeconds` or
///   `memoryByteSeconds` (resident bytes, times seconds), and `costRequests`, or else `requests`.
/// - Any other array of whole numbers, or object of such, counts the values of an observation that fell into each bucket:
///   each value in one bucket only, unlike `latency`. In an array, the bucket for the rest is the last. An object names
///   its buckets (upper edges or classes); those that a stream's first line with it does not name are the rest.
/// - `history`, beside the sides of a stream's first line: what stable had done before. No evidence: by its `latency`,
///   gates choose the bounds that they freeze.
/// - Whatever else stands there is passed over. Sources whose counters share a name go to streams of their own.
///
/// `mlctl events --export` writes it and `mlctl replay` reads it.
public struct ReplayLine: Codable, Hashable, Sendable {
    public var stream: String
    /// Seconds.
    public var t: Double
    /// Nil where that side was not read.
    public var stable: ReplaySide?
    public var candidate: ReplaySide?
    /// On a stream's first line: stable's traffic from before.
    public var history: ReplaySide?

    public init(
        stream: String, t: Double, stable: ReplaySide?, candidate: ReplaySide?, history: ReplaySide? = nil
    ) {
        self.stream = stream
        self.t = t
        self.stable = stable
        self.candidate = candidate
        self.history = history
    }
}
