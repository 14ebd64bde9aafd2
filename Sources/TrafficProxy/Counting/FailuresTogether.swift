/// For each failed request, how many failed in the same event, summed.
///
/// Servers batch, stall and restart, so requests of one instance fail, or are late, together. Such requests are no
/// independent evidence. Divided by the number of failures, the sum is the size of the event that a failure belongs to:
/// what gates have to divide by.
struct FailuresTogether: Sendable {
    /// Failures that end no further apart are one event (a batch, a stall)…
    static let spanNanoseconds: Int64 = 5_000_000
    /// …if no more good answers came between: with many requests a second, some fail within 5 ms by chance.
    static let answersBetween = 8
    /// Without a good answer between, an event goes on (a restart): up to so long after its last failure…
    static let pauseNanoseconds: Int64 = 2_000_000_000
    /// …and for so many requests and so long. What fails on after that is no event, it is how the instance is.
    static let largestEvent = 60
    static let longestNanoseconds: Int64 = 2_000_000_000

    /// One kind of failure.
    struct Series: Sendable {
        private(set) var sum = 0
        /// Of the latest event: its failures, and their part of the sum.
        private var size = 0
        private var entered = 0
        private var isAtOnce = false
        private var beganAt = Int64.min / 2
        private var lastEnd = Int64.min / 2
        /// The number of the answer that failed last.
        private var lastAnswer = Int.min / 2

        /// - Parameters:
        ///   - answer: its number among the instance's answers, or of the last one before; all that lie between two
        ///     failures were good.
        ///   - isAnswer: false where the client gave up.
        ///   - end: nanoseconds of a clock that never goes back.
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
            // Two in a row, at different times, are mostly chance.
            let together = isAtOnce || size > 2 ? size * size : size
            sum += together - entered
            entered = together
        }
    }

    private var failed = Series()
    /// Of each latency bound, what is slower than it.
    private var slower = [Series](repeating: Series(), count: LatencyHistogram.boundsNanoseconds.count)
    private var answers = 0

    /// - Parameters:
    ///   - isAnswer: false where the client gave up: that says nothing about what is faster than he waited.
    ///   - bucket: of the request's latency, or of the time that was waited.
    ///   - end: when the request ended, in nanoseconds of a clock that never goes back.
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
    /// One for each bound.
    var slow: [Int] { slower.map(\.sum) }
}
