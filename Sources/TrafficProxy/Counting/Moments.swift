/// Counts moments instead of requests: what ends within `spanNanoseconds` of a moment's first is one moment.
///
/// Servers batch, stall and restart, so requests of one instance fail, or are late, together. How many do is what gates have
/// to know, for such requests are no independent evidence.
struct Moments: Sendable {
    static let spanNanoseconds: Int64 = 5_000_000

    /// One kind of event.
    private struct Series {
        /// When the latest moment began.
        var beganAt = Int64.min / 2
        var moments = 0

        @inline(__always)
        mutating func note(at end: Int64) {
            guard end - beganAt > spanNanoseconds else { return }
            beganAt = end
            moments += 1
        }
    }

    private var failed = Series()
    /// Of each latency bound, what is slower than it.
    private var slower = [Series](repeating: Series(), count: LatencyHistogram.boundsNanoseconds.count)

    /// - Parameters:
    ///   - bucket: of the request's latency.
    ///   - end: when the request ended, in nanoseconds of a clock that never goes back.
    @inline(__always)
    mutating func note(isError: Bool, bucket: Int, at end: Int64) {
        if isError { failed.note(at: end) }
        slower.withUnsafeMutableBufferPointer { series in
            for index in 0..<min(bucket, series.count) { series[index].note(at: end) }
        }
    }

    var errors: Int { failed.moments }
    var slow: [Int] { slower.map(\.moments) }
}
