import Testing

@testable import Analysis

@Suite("Trends by ranks")
struct RankTrendTests {
    private func trend(_ values: [Double]) -> RankTrend? {
        RankTrend(times: values.indices.map(Double.init)[...], values: values[...])
    }

    @Test("a straight line has its own slope, and all pairs rise")
    func line() {
        #expect(trend([1, 3, 5, 7])?.slope == 2)
        #expect(trend([1, 3, 5, 7])?.tau == 1)
        #expect(trend([7, 5, 3])?.tau == -1)
        #expect(trend([4, 4, 4])?.slope == 0)
        #expect(trend([4, 4, 4])?.tau == 0)
    }

    @Test("one outlier changes neither")
    func stray() {
        #expect(trend([1, 2, 3, 400, 5, 6, 7])?.slope == 1)
        #expect(trend([5, 5, 5, 900, 5, 5, 5])?.slope == 0)
    }

    @Test("two points, or points of one moment, give no trend")
    func few() {
        #expect(trend([1, 2]) == nil)
        #expect(RankTrend(times: [3, 3, 3], values: [1, 2, 3]) == nil)
    }
}
