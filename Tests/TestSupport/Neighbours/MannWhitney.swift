/// The Mann–Whitney U test of two samples, with the confidence interval of their shift: the normal approximation with
/// continuity and tie corrections, as in R's `wilcox.test(conf.int = TRUE, exact = FALSE)` and Kayenta's judge.
package struct MannWhitney: Hashable, Sendable {
    /// The interval of `x − y`: the test rejects no shift in it.
    package var lower: Double
    package var upper: Double
    /// The Hodges–Lehmann estimate: the median of all differences.
    package var estimate: Double

    /// - Parameters:
    ///   - x: not empty, finite.
    ///   - y: not empty, finite.
    ///   - quantile: of the standard normal at `1 − (1 − confidence) / 2`: 1.96 for 95 %.
    package init(_ x: [Double], _ y: [Double], quantile: Double) {
        let differences = x.flatMap { left in y.map { left - $0 } }.sorted()
        let middle = differences.count / 2
        estimate =
            differences.count % 2 == 1 ? differences[middle] : (differences[middle - 1] + differences[middle]) / 2
        // The statistic falls in steps as the shift grows, one step at each difference. Search for the step over the quantile: a
        // root finder would only end within its tolerance of it.
        let steps = differences.reduce(into: [Double]()) { if $0.last != $1 { $0.append($1) } }
        lower = Self.crossing(of: quantile, steps, x, y)
        upper = Self.crossing(of: -quantile, steps, x, y)
    }

    private static func crossing(of quantile: Double, _ steps: [Double], _ x: [Double], _ y: [Double]) -> Double {
        var (low, high) = (0, steps.count - 1)
        while low < high {
            let middle = (low + high) / 2
            let between = (steps[middle] + steps[middle + 1]) / 2
            if statistic(x, y, shift: between) > quantile { low = middle + 1 } else { high = middle }
        }
        return steps[low]
    }

    /// The standard normal deviate of `x` shifted by `−shift` against `y`; 0 if all values are tied.
    package static func statistic(_ x: [Double], _ y: [Double], shift: Double) -> Double {
        let values = (x.map { ($0 - shift, true) } + y.map { ($0, false) }).sorted { $0.0 < $1.0 }
        var (rankSum, ties) = (0.0, 0.0)
        var start = 0
        while start < values.count {
            var end = start
            while end + 1 < values.count, values[end + 1].0 == values[start].0 { end += 1 }
            let size = Double(end - start + 1)
            let rank = Double(start + end) / 2 + 1
            rankSum += rank * Double(values[start...end].count { $0.1 })
            ties += size * size * size - size
            start = end + 1
        }
        let (xCount, yCount) = (Double(x.count), Double(y.count))
        let total = xCount + yCount
        let distance = rankSum - xCount * (xCount + 1) / 2 - xCount * yCount / 2
        let variance = xCount * yCount / 12 * (total + 1 - ties / (total * (total - 1)))
        guard variance > 0 else { return 0 }
        let correction = distance == 0 ? 0 : (distance > 0 ? 0.5 : -0.5)
        return (distance - correction) / variance.squareRoot()
    }
}
