import Testing

@testable import Analysis

@Suite struct SideCountsTests {
    @Test(
        "invalid counters are named",
        arguments: [
            (SideCounts(requests: -1), "a negative count"),
            (SideCounts(requests: 5, errors: 6), "more errors than requests"),
            (SideCounts(requests: 5, rejected: 6), "more rejected than requests"),
            (SideCounts(requests: 5, latency: [1], bounds: [0.1, 0.2]), "1 latency buckets for 2 bounds"),
            (SideCounts(requests: 5, latency: [1, 2], bounds: [0.2, 0.1]), "latency bounds out of order"),
            (SideCounts(requests: 5, latency: [3, 2], bounds: [0.1, 0.2]), "latency buckets that shrink"),
            (SideCounts(requests: 5, latency: [3, 6], bounds: [0.1, 0.2]), "latency buckets that shrink"),
        ])
    func impossible(counts: SideCounts, why: String) { #expect(counts.impossibility == why) }

    @Test("a histogram may end with its own total or with the number of requests")
    func totals() {
        #expect(SideCounts(requests: 9, latency: [3, 5], bounds: [0.1, 0.2]).latencyTotal == 9)
        #expect(SideCounts(requests: 9, latency: [3, 5, 8], bounds: [0.1, 0.2]).latencyTotal == 8)
        #expect(SideCounts(requests: 9).latencyTotal == 0)
        #expect(SideCounts(requests: 9, latency: [3, 5], bounds: [0.1, 0.2]).impossibility == nil)
    }

    @Test("instances with other buckets are added at the common edges")
    func sums() {
        let left = SideCounts(requests: 10, errors: 1, latency: [4, 6, 10], bounds: [0.1, 0.2])
        let right = SideCounts(requests: 20, rejected: 2, latency: [10, 15, 20], bounds: [0.2, 0.5])
        #expect(
            left + right == SideCounts(requests: 30, errors: 1, rejected: 2, latency: [16, 30], bounds: [0.2]))
        #expect(left + SideCounts() == left)
        #expect(SideCounts() + left == left)
        #expect((left + SideCounts(requests: 5)).bounds.isEmpty, "latencies of some requests only are of none")
    }

    @Test("an increment over a change of buckets has no latency")
    func increments() {
        let before = SideCounts(requests: 10, latency: [4, 6], bounds: [0.1, 0.2])
        let after = SideCounts(requests: 12, latency: [5, 8], bounds: [0.1, 0.2])
        #expect(
            after.increment(since: before) == SideCounts(requests: 2, latency: [1, 2], bounds: [0.1, 0.2]))
        let other = SideCounts(requests: 12, latency: [5], bounds: [0.1])
        #expect(other.increment(since: before) == SideCounts(requests: 2))
        #expect(before.increment(since: after) == nil)
        #expect(before.increment(since: SideCounts()) == before, "before any request every bucket was at 0")
        #expect(after.increment(since: SideCounts(requests: 5)) == SideCounts(requests: 7))
    }
}
