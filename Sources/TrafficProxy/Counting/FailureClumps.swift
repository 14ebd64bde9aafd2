/// For each failed request, the number of failures in its clump, summed up.
///
/// Servers batch, stall and restart, so requests of one instance fail, or are slow, together. Such requests are not independent
/// evidence. The sum divided by the number of failures is the mean size of the clump that a failure belongs to. Gates divide by
/// that.
struct FailureClumps: Sendable {
    /// Failures that end at most this far apart belong to one clump (a batch, a stall)…
    static let spanNanoseconds: Int64 = 5_000_000
    /// …unless more than this many good answers came between: with many requests per second, some fail within 5 ms by chance.
    static let answersBetween = 8
    /// Without a good answer between, a clump continues (a restart) for up to this long after its last failure…
    static let pauseNanoseconds: Int64 = 2_000_000_000
    /// …and for this many requests and this long. Failures after that are not a clump but the normal state of the instance.
    static let largestEvent = 60
    static let longestNanoseconds: Int64 = 2_000_000_000

    /// Failures of one kind.
    struct Series: Sendable {
        private(set) var sum = 0
        /// The failures of the latest clump, and their part of the sum.
        private var size = 0
        private var entered = 0
        private var isAtOnce = false
        private var beganAt = Int64.min / 2
        private var lastEnd = Int64.min / 2
        /// The number of the last failed answer.
        private var lastAnswer = Int.min / 2

        /// - Parameters:
        ///   - answer: the number of this answer at the instance, or of the last answer before. All answers between two failures
        ///     were good.
        ///   - isAnswer: false if the client gave up.
        ///   - end: nanoseconds of a monotonic clock.
        @inline(__always)
        mutating func note(answer: Int, isAnswer: Bool = true, at end: Int64) {
            let (pause, between) = (end - lastEnd, answer - lastAnswer - (isAnswer ? 1 : 0))
            (lastEnd, lastAnswer) = (end, answer)
            let isNear = pause <= spanNanoseconds && between <= answersBetween
            if between <= 0, pause <= pauseNanoseconds {
                if size >= largestEvent, end - beganAt > longestNanoseconds {
                    sum += 1
                    return
                }
            } else if !isNear || size >= largestEvent {
                (size, entered, isAtOnce, beganAt) = (0, 0, false, end)
            }
            size += 1
            if size > 1, isNear { isAtOnce = true }
            // Two failures in a row at different times are mostly chance.
            let together = isAtOnce || size > 2 ? size * size : size
            sum += together - entered
            entered = together
        }
    }

    private var failed = Series()
    /// For each latency bound, the requests that were slower.
    private var slower = [Series](repeating: Series(), count: LatencyHistogram.boundsNanoseconds.count)
    private var answers = 0

    /// - Parameters:
    ///   - isAnswer: false if the client gave up. Then nothing is known about latencies shorter than its wait.
    ///   - bucket: the latency bucket of the request, or of the time that the client waited.
    ///   - end: when the request ended, in nanoseconds of a monotonic clock.
    @inline(__always)
    mutating func note(isError: Bool, isAnswer: Bool = true, bucket: Int, at end: Int64) {
        if isAnswer { answers += 1 }
        let answer = answers
        if isError { failed.note(answer: answer, at: end) }
        slower.withUnsafeMutableBufferPointer { series in
            for index in 0..<min(bucket, series.count) {
                series[index].note(answer: answer, isAnswer: isAnswer, at: end)
            }
        }
    }

    var errors: Int { failed.sum }
    /// One count per bound.
    var slow: [Int] { slower.map(\.sum) }
}
