import Foundation
import Testing

@testable import Analysis

@Suite("Clients that gave up, and failures in one event")
struct SideCountsTogetherTests {
    private static let bounds = [0.1, 1, 10]

    private func counts(
        requests: Int = 0, errors: Int = 0, latency: [Int] = [0, 0, 0], abandoned: [Int] = [],
        errorsTogether: Int? = nil,
        slowTogether: [Int]? = nil, bounds: [Double] = Self.bounds
    ) -> SideCounts {
        SideCounts(
            requests: requests, errors: errors, latency: latency, bounds: bounds, abandoned: abandoned,
            errorsTogether: errorsTogether, slowTogether: slowTogether)
    }

    @Test("differences are taken for each bound; an empty list stands for zeros")
    func increments() {
        let earlier = counts(requests: 5, errors: 2, latency: [1, 4, 5], errorsTogether: 4, slowTogether: [3, 1, 0])
        let later = counts(
            requests: 9, errors: 5, latency: [1, 6, 9], abandoned: [4, 2, 0], errorsTogether: 9,
            slowTogether: [6, 3, 0])
        #expect(
            later.increment(since: earlier)
                == counts(
                    requests: 4, errors: 3, latency: [0, 2, 4], abandoned: [4, 2, 0], errorsTogether: 5,
                    slowTogether: [3, 2, 0]))
        #expect(earlier.increment(since: later) == nil)
        #expect(later.covers(earlier) && !earlier.covers(later))
        #expect(!counts(requests: 9, errors: 5, latency: [1, 6, 9]).covers(counts(abandoned: [1, 0, 0])))
    }

    @Test("clients that give up are a change although no request has ended")
    func abandonedAlone() {
        let added = counts(abandoned: [3, 3, 0]).increment(since: counts(abandoned: [1, 1, 0]))
        #expect(added == counts(abandoned: [2, 2, 0]))
        #expect(counts(abandoned: [1, 1, 0]).increment(since: SideCounts()) == counts(abandoned: [1, 1, 0]))
    }

    @Test("event sizes of a sum are known only if both sides report them; a side without requests does")
    func sums() {
        let one = counts(requests: 2, errors: 2, errorsTogether: 4, slowTogether: [1, 1, 0])
        let mute = counts(requests: 2, errors: 1)
        let unserved = SideCounts(unavailable: 3)
        #expect((one + one).errorsTogether == 8 && (one + one).slowTogether == [2, 2, 0])
        #expect((one + mute).errorsTogether == nil && (mute + one).slowTogether == nil)
        #expect((one + unserved).errorsTogether == 4 && (unserved + one).slowTogether == [1, 1, 0])
        #expect((SideCounts() + unserved).errorsTogether == nil)
        let told = SideCounts(unavailable: 3, errorsTogether: 9)
        #expect((one + told).errorsTogether == 13 && (told + unserved).errorsTogether == 9)
        #expect((SideCounts() + told).errorsTogether == 9 && (told + mute).errorsTogether == nil)
    }

    @Test("a sum has the common bounds")
    func commonBounds() {
        let one = counts(
            requests: 1, latency: [0, 0, 1], abandoned: [5, 3, 1], errorsTogether: 0, slowTogether: [2, 1, 0])
        let other = counts(
            requests: 1, latency: [0, 1], abandoned: [2, 1], errorsTogether: 0, slowTogether: [1, 1], bounds: [1, 20])
        let sum = one + other
        #expect(sum.bounds == [1] && sum.abandoned == [5] && sum.slowTogether == [2])
        #expect((one + counts()).abandoned == [5, 3, 1])
    }

    @Test(
        "invalid counters are named",
        arguments: [
            (
                SideCounts(latency: [0, 0], bounds: [1, 2], abandoned: [1]),
                "1 counts of clients that gave up for 2 bounds"
            ),
            (
                SideCounts(latency: [0, 0], bounds: [1, 2], abandoned: [1, 2]),
                "more clients that gave up later than earlier"
            ),
            (
                SideCounts(latency: [0, 0], bounds: [1, 2], abandoned: [0, -1]),
                "a negative count of clients that gave up"
            ),
            (
                SideCounts(requests: 3, errors: 2, errorsTogether: 1),
                "event sizes that are smaller than the number of errors"
            ),
            (SideCounts(slowTogether: [1]), "1 counts of slow requests together for 0 bounds"),
        ])
    func impossible(counts: SideCounts, problem: String) { #expect(counts.impossibility == problem) }

    @Test("clients that waited longer than an edge count as requests that took as long; the others do not count")
    func counting() {
        let counted = counts(requests: 10, latency: [6, 9, 10], abandoned: [7, 4, 1]).countingAbandoned(after: 1)
        // Of the four, three waited for at most 10 seconds.
        #expect(counted.requests == 14 && counted.latency == [6, 9, 13, 14])
        #expect(counted.impossibility == nil)
        #expect(
            counts(requests: 10, latency: [6, 9, 10], abandoned: [7, 0, 0]).countingAbandoned(after: 1).requests == 10)
    }

    @Test("records of older controllers read as before")
    func older() throws {
        let text = #"""
            {"requests": 1, "errors": 0, "rejected": 0, "latency": [1], "bounds": [1], "observed": {},
             "pairs": {"pairs": 0, "disagreements": 0, "distance": 0}, "named": {}}
            """#
        let read = try JSONDecoder().decode(SideCounts.self, from: Data(text.utf8))
        #expect(read == SideCounts(requests: 1, latency: [1], bounds: [1]))
    }
}
