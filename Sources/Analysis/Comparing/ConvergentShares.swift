import RealModule

/// Shares of a whole for an infinite series: 1/(n ln² n). Together they are at most 1.
enum ConvergentShares {
    /// The series starts at its 20th term. Otherwise the first share would take nearly everything.
    private static let offset = 19.0

    /// - Parameter ordinal: from 1. The sum over all is at most 1, because the terms are convex: the sum from n on is
    ///   at most 1/ln(n − ½).
    static func share(_ ordinal: Int) -> Double {
        let n = Double(ordinal) + offset
        let log = Double.log(n)
        return .log(offset + 0.5) / (n * log * log)
    }
}
