/// A trend by ranks. Neither a single jump nor a few outliers make a trend.
///
/// Sources: Mann, "Nonparametric tests against trend" (1945); Kendall, "Rank correlation methods" (1948); Sen,
/// "Estimates of the regression coefficient based on Kendall's tau" (1968).
struct RankTrend: Hashable, Sendable {
    /// Kendall's tau: rising pairs minus falling pairs, as a share of all pairs; −1…1.
    let tau: Double
    /// The slope of Theil and Sen: the median of the slopes of all pairs.
    let slope: Double

    /// - Parameters:
    ///   - times: ascending, as many as `values`.
    /// - Returns: nil for fewer than three points.
    init?(times: ArraySlice<Double>, values: ArraySlice<Double>) {
        let points = Array(zip(times, values))
        guard points.count >= 3 else { return nil }
        var slopes: [Double] = []
        var balance = 0
        for (index, later) in points.enumerated() {
            for earlier in points[..<index] where later.0 > earlier.0 {
                slopes.append((later.1 - earlier.1) / (later.0 - earlier.0))
                balance += later.1 > earlier.1 ? 1 : later.1 < earlier.1 ? -1 : 0
            }
        }
        guard !slopes.isEmpty else { return nil }
        slopes.sort()
        let middle = slopes.count / 2
        slope = slopes.count.isMultiple(of: 2) ? (slopes[middle - 1] + slopes[middle]) / 2 : slopes[middle]
        tau = Double(balance) / Double(slopes.count)
    }
}
