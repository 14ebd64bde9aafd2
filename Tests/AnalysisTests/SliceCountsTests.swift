import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite("Counts of slices of the traffic")
struct SliceCountsTests {
    private func side(_ requests: Int, _ slices: [String: SliceCounts]?) -> SideCounts {
        SideCounts(requests: requests, slices: slices)
    }

    private func slow(_ edge: Double, _ requests: Int, _ slow: Int) -> SliceCounts.SlowCounts {
        SliceCounts.SlowCounts(edge: edge, requests: requests, slow: slow, together: slow)
    }

    @Test("are added by value, over instances and over proxies that do not know all values")
    func sums() {
        let one = side(9, ["a=x": SliceCounts(requests: 5, errors: 1, errorsTogether: 1, slow: [slow(0.1, 5, 2)])])
        let other = side(
            7,
            [
                "a=x": SliceCounts(requests: 2, slow: [slow(0.1, 2, 1), slow(1, 2, 0)]),
                "a=y": SliceCounts(requests: 3, rejected: 1),
            ])
        let sum = one + other + side(1, nil)
        #expect(
            sum.slices == [
                "a=x": SliceCounts(
                    requests: 7, errors: 1, errorsTogether: 1, slow: [slow(0.1, 7, 3), slow(1, 2, 0)]),
                "a=y": SliceCounts(requests: 3, rejected: 1),
            ])
    }

    @Test("a value begins at 0, and a bound has no counts from before it was chosen")
    func increments() throws {
        let earlier = side(9, ["a=x": SliceCounts(requests: 5, errors: 1, errorsTogether: 1, slow: [slow(0.1, 5, 2)])])
        let later = side(
            20,
            [
                "a=x": SliceCounts(
                    requests: 9, errors: 2, errorsTogether: 2, slow: [slow(0.1, 9, 3), slow(1, 9, 1)]),
                "a=y": SliceCounts(requests: 4),
            ])
        let added = try #require(later.increment(since: earlier))
        #expect(
            added.slices == [
                "a=x": SliceCounts(requests: 4, errors: 1, errorsTogether: 1, slow: [slow(0.1, 4, 1)]),
                "a=y": SliceCounts(requests: 4),
            ])
    }

    @Test("a slice whose counters fell is left out, and the whole traffic is not affected")
    func falls() throws {
        let earlier = side(9, ["a=x": SliceCounts(requests: 5), "a=y": SliceCounts(requests: 1)])
        let later = side(20, ["a=x": SliceCounts(requests: 2), "a=y": SliceCounts(requests: 3)])
        let added = try #require(later.increment(since: earlier))
        #expect(added.requests == 11)
        #expect(added.slices == ["a=y": SliceCounts(requests: 2)])
    }

    @Test(
        "invalid counters are not evidence",
        arguments: [
            SliceCounts(requests: -1), SliceCounts(requests: 1, errors: 2, errorsTogether: 2),
            SliceCounts(unavailable: -1), SliceCounts(requests: 1, rejected: 2),
            SliceCounts(requests: 3, errors: 2, errorsTogether: 1),
            SliceCounts(
                requests: 3, slow: [SliceCounts.SlowCounts(edge: 1, requests: 1, slow: 2, together: 2)]),
        ])
    func impossible(counts: SliceCounts) {
        #expect(side(9, ["a=x": counts]).impossibility?.hasSuffix(" in a=x") == true)
    }

    @Test("are coded as a short list of numbers, and older records have none")
    func coding() throws {
        let counts = SliceCounts(
            requests: 1_000_000, errors: 12, rejected: 3, errorsTogether: 14, slow: [slow(0.125, 1_000_000, 50_000)])
        let text = try JSONEncoder().encode(["a=x": counts])
        #expect(String(decoding: text, as: UTF8.self) == #"{"a=x":[1000000,12,3,14,0.125,1000000,50000,50000]}"#)
        #expect(try JSONDecoder().decode([String: SliceCounts].self, from: text) == ["a=x": counts])
        let old = try JSONEncoder().encode(SideCounts(requests: 3))
        #expect(!String(decoding: old, as: UTF8.self).contains("slices"))
        #expect(try JSONDecoder().decode(SideCounts.self, from: old).slices == nil)
    }

    @Test("what was missed is added, subtracted and written, and left out where nobody is to blame")
    func unavailable() throws {
        let earlier = side(5, ["a=x": SliceCounts(requests: 2, unavailable: 3)])
        let later = side(9, ["a=x": SliceCounts(requests: 4, unavailable: 7, slow: [slow(0.1, 4, 1)])])
        #expect((later + earlier).slices?["a=x"]?.unavailable == 10)
        let counts = SliceCounts(requests: 4, errors: 1, errorsTogether: 1, unavailable: 7, slow: [slow(0.1, 4, 1)])
        let text = try JSONEncoder().encode([
            counts, SliceCounts(requests: 4, unavailable: 7), SliceCounts(requests: 1),
        ])
        #expect(String(decoding: text, as: UTF8.self) == "[[4,1,0,1,0.1,4,1,1,7],[4,0,0,0,7],[1,0,0,0]]")
        #expect(
            try JSONDecoder().decode([SliceCounts].self, from: text)
                == [counts, SliceCounts(requests: 4, unavailable: 7), SliceCounts(requests: 1)])
        var forgiven = later
        forgiven.unavailable = 7
        forgiven.forgetUnavailable()
        #expect(forgiven.unavailable == 0 && forgiven.slices?["a=x"]?.unavailable == 0)
        #expect(forgiven.slices?["a=x"]?.requests == 4)
        #expect(later.increment(since: earlier)?.slices?["a=x"]?.unavailable == 4)
    }

    @Test("what was missed counts among a slice's errors as one event, and among nothing else")
    func missed() {
        let missed = side(
            0, ["a=x": SliceCounts(requests: 6, errors: 1, rejected: 2, errorsTogether: 1, unavailable: 4)])
        let interval = Interval(
            at: .distantPast, source: MetricSourceName.proxy, stable: side(0, [:]), candidate: missed)
        let errors = interval.sliceBlocks(.errors, slowerThan: nil)["a=x"]?.candidate
        #expect(errors?.count == 10 && errors?.successes == 5 && errors?.together == 17)
        let rejected = interval.sliceBlocks(.rejected, slowerThan: nil)["a=x"]?.candidate
        #expect(rejected?.count == 6 && rejected?.successes == 2)
    }
}
