import RealModule

/// Shares of one whole for a series without an end: 1/(n ln² n), which add up to no more than 1.
enum EndlessShares {
    /// Of the series, the first is the 20th: its own first would get nearly all.
    private static let offset = 19.0

    /// - Parameter ordinal: from 1. The sum over all is at most 1, for the terms are convex: Σ from n on is at most
    ///   1/ln(n − ½).
    static func share(_ ordinal: Int) -> Double {
        let n = Double(ordinal) + offset
        let log = Double.log(n)
        return .log(offset + 0.5) / (n * log * log)
    }
}
