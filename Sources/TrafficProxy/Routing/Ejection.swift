/// Ejects an instance after connection failures, for a time that doubles with each consecutive failure.
struct Ejection: Hashable, Sendable {
    private let minNanoseconds: Int64
    private let maxNanoseconds: Int64
    private(set) var failuresInARow = 0
    private var untilNanoseconds = Int64.min

    init(min: Duration, max: Duration) {
        minNanoseconds = min.nanosecondsClamped
        maxNanoseconds = max.nanosecondsClamped
    }

    func isEjected(nowNanoseconds: Int64) -> Bool { nowNanoseconds < untilNanoseconds }

    mutating func failed(nowNanoseconds: Int64) {
        // Requests in progress fail together. Only the first of them extends the time.
        if isEjected(nowNanoseconds: nowNanoseconds) { return }
        let doublings = Swift.min(failuresInARow, 30)
        let (doubled, overflow) = minNanoseconds.multipliedReportingOverflow(by: 1 << doublings)
        let time = overflow ? maxNanoseconds : Swift.min(maxNanoseconds, doubled)
        failuresInARow += 1
        untilNanoseconds = nowNanoseconds + time
    }

    /// Ends the ejection, but keeps the count of failures.
    mutating func end() { untilNanoseconds = .min }

    @inline(__always)
    mutating func succeeded() {
        guard failuresInARow > 0 else { return }
        failuresInARow = 0
        untilNanoseconds = .min
    }
}

extension Duration {
    /// Whole nanoseconds, clamped to 64 bits (292 years).
    var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}

extension Int64 {
    /// The sum, or the largest number if it does not fit.
    func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

/// The share of recent requests that failed: an exponential moving average over about 16 requests.
struct RecentFailureShare: Hashable, Sendable {
    private static let one: Int32 = 1 << 16
    /// Smaller differences in the share are treated as chance.
    private static let margin: Int32 = one / 8

    private var share: Int32 = 0

    @inline(__always)
    mutating func note(failed: Bool) { share += ((failed ? Self.one : 0) - share) >> 4 }

    /// More than half.
    var isMostly: Bool { share > Self.one / 2 }
    /// More than a quarter.
    var isOften: Bool { share > Self.one / 4 }

    @inline(__always)
    func isWorse(than other: RecentFailureShare) -> Bool { share > other.share + Self.margin }
}
