/// One line of recorded metrics: cumulative counters of both sides at one time of one stream.
///
/// ```json
/// {"stream": "payments/fraud-scorer/3f1c", "t": 10,
///  "stable": {"requests": 950, "errors": 9, "rejected": 2, "latency": {"0.1": 900, "0.25": 940, "+Inf": 950},
///             "tokens": 81000, "converted.sum": 31, "converted.count": 800, "score": [700, 200, 50]},
///  "candidate": {"requests": 50, "errors": 3, "synthetic": {"requests": 20, "errors": 0},
///                "pairs": 40, "disagreements": 1, "distance": 0.8, "class": {"cat": 30, "dog": 20}}}
/// ```
/// - `requests`, `errors`, `rejected`, `latency`: of users. `synthetic` has the same fields for requests that mlctl
///   sent.
/// - `proxy`: what only mlctl's own proxy reports. `unavailable`: meant for the side and not served by it. `abandoned`
///   (`{"0.1": 3}`): clients that gave up after more than each bound. `together` (`{"errors": 2, "slow": {"0.1": 1}}`):
///   for each request that failed, or was slow, the number of such requests of its instance in the same event; the sum
///   of these. With sticky users the counts above are of each user's first request; `every` and `everyAbandoned` have
///   the same fields for all requests, and `users` (`windows`, `units`, `failed`, `touched`, `rejected`, `slowed`,
///   `dropped`) has the users by windows of time. A recording without these fields is judged without them.
/// - `pairs`, `disagreements`, `distance`: of a shadow, on the candidate's side.
/// - Any other number is a counter under its name, as a gate's `of` and `per` name it. Outcomes are `LABEL.sum` and
///   `LABEL.count`. Gates can also use `requests` and the other fields above as counters.
/// - Cost gates use `instanceSeconds` (how long instances were measured, summed over them) with `cpuSeconds` or
///   `memoryByteSeconds` (resident bytes times seconds), and `costRequests`, or else `requests`.
/// - Any other array of whole numbers, or object of such numbers, has the number of an observation's values in each
///   bucket. Each value is in one bucket only, unlike in `latency`. In an array, the last bucket is the rest. An object
///   names its buckets (upper edges or classes); buckets that are not named in the stream's first such line belong to
///   the rest.
/// - `history`, beside the sides of a stream's first line: what stable had counted before. It is not evidence; gates
///   use its `latency` to choose the bounds that they freeze.
/// - Everything else is ignored. Sources whose counters share a name need separate streams.
///
/// `mlctl events --export` writes this format, and `mlctl replay` reads it.
package struct ReplayLine: Codable, Hashable, Sendable {
    package var stream: String
    /// In seconds.
    package var t: Double
    /// Nil if that side was not read.
    package var stable: ReplaySide?
    package var candidate: ReplaySide?
    /// Only on a stream's first line: stable's earlier traffic.
    package var history: ReplaySide?

    package init(
        stream: String, t: Double, stable: ReplaySide?, candidate: ReplaySide?, history: ReplaySide? = nil
    ) {
        self.stream = stream
        self.t = t
        self.stable = stable
        self.candidate = candidate
        self.history = history
    }
}
