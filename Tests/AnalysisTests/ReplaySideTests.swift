import Foundation
import ModelManifests
import Serving
import Testing

@testable import Analysis

@Suite struct ReplaySideTests {
    static let full = """
        {"requests": 950, "errors": 9, "rejected": 2, "latency": {"0.1": 900, "0.25": 940, "+Inf": 950}, \
        "synthetic": {"requests": 20, "errors": 1, "rejected": 0, "latency": {"0.1": 19, "0.25": 20, "+Inf": 20}}, \
        "pairs": 40, "disagreements": 1, "distance": 0.75, "tokens": 81000.5, "converted.sum": 31, \
        "score": [700, 200, 50], "class": {"cat": 30, "dog": 20}}
        """

    @Test("a line reads back as it was written")
    func roundTrip() throws {
        let side = try JSONDecoder().decode(ReplaySide.self, from: Data(Self.full.utf8))
        let line = ReplayLine(stream: "a", t: 1.5, stable: side, candidate: nil)
        let again = try JSONDecoder().decode(ReplayLine.self, from: JSONEncoder().encode(line))
        #expect(again == line)
        #expect(side.latency == ReplayLatency(bounds: [0.1, 0.25], buckets: [900, 940, 950]))
        #expect(side.synthetic?.errors == 1)
        #expect(side.named == ["tokens": 81_000.5, "converted.sum": 31])
        #expect(side.observed == ["score": .counts([700, 200, 50]), "class": .labelled(["cat": 30, "dog": 20])])
    }

    @Test("counts are written completely, under the names that are read")
    func counts() throws {
        let counts = SideCounts(
            requests: 950, errors: 9, rejected: 2, latency: [900, 940, 950], bounds: [0.1, 0.25],
            synthetic: RequestStratum(requests: 20, errors: 1, latency: [19, 20, 20]), observed: ["score": [7, 2]],
            pairs: PairCounts(pairs: 40, disagreements: 1, distance: 0.75),
            named: ["tokens": 81_000.5, "requests": 17])
        let side = ReplaySide(counts)
        let again = try JSONDecoder().decode(ReplaySide.self, from: JSONEncoder().encode(side))
        #expect(again == side)
        #expect(again.requests == 950, "a counter of that name does not replace it")
        #expect(again.counter("tokens") == 81_000.5)
        #expect(again.counter("requests") == 950)
        #expect(again.counter("distance") == 0.75)
        #expect(again.counter("unheard") == nil)
        for need in [ReplayRequirement.errors, .rejected, .latency] {
            let found = try need.counts(of: again, buckets: nil)
            #expect(found.synthetic?.requests == 20)
        }
    }

    @Test("values that are neither numbers nor counts are ignored")
    func passedOver() throws {
        let text = #"{"requests": 1, "gpu": {"busy": 0.5}, "name": "a", "on": true, "none": null, "list": ["x"]}"#
        let side = try JSONDecoder().decode(ReplaySide.self, from: Data(text.utf8))
        #expect(side.named.isEmpty)
        #expect(side.observed.isEmpty)
    }

    @Test("a line of an observation names its buckets: edges by size, then classes; later names belong to the rest")
    func buckets() throws {
        #expect(
            ReplayBuckets.buckets(of: ["10", "+Inf", "2.5", "2.5"]) == .classes(["2.5", "10", "+Inf"]))
        let buckets = ReplayBuckets.buckets(of: ["dog", "cat"])
        #expect(buckets == .classes(["cat", "dog"]))
        var side = ReplaySide()
        side.observed["class"] = .labelled(["dog": 3, "bird": 2, "fish": 1])
        let found = try ReplayRequirement.observed("class").counts(of: side, buckets: buckets)
        #expect(found.observed == ["class": [0, 3, 3]])
        let edges = try ReplayRequirement.observed("class").counts(
            of: {
                var side = ReplaySide(); side.observed["class"] = .labelled(["0.50": 4, "1": 2, "+Inf": 1]); return side
            }(),
            buckets: .edges([0.5, 1]))
        #expect(edges.observed == ["class": [4, 2, 1]])
        var other = ReplaySide()
        for label in ["0.4", "low", "NaN", "-inf"] {
            other.observed["class"] = .labelled([label: 4, "1": 2])
            let lack = #expect(throws: MissingReplayValue.self) {
                try ReplayRequirement.observed("class").counts(of: other, buckets: .edges([0.5, 1]))
            }
            #expect(
                lack?.text(of: "stable", unreadable: [:])
                    == "the stable side's \"class\" has other bucket edges than the manifest")
        }
    }

    @Test("numbers too large for an integer do not crash")
    func enormous() throws {
        var side = ReplaySide()
        side.observed["class"] = .counts([.max, .max])
        side.named["x"] = 1e300
        _ = try ReplayRequirement.observed("class").counts(of: side, buckets: nil)
        side.observed["class"] = .labelled(["a": .max, "b": .max])
        _ = try ReplayRequirement.observed("class").counts(of: side, buckets: .classes(["c"]))
        let ratio = CounterRatio(source: "server", of: "x", per: "x")
        #expect(try ReplayRequirement.counters(ratio).counts(of: side, buckets: nil).requests == 0)
    }

    @Test("the proxy's own fields are written and read, and problems with them are reported")
    func proxy() throws {
        let counts = SideCounts(
            requests: 10, errors: 2, unavailable: 3, latency: [9, 10], bounds: [0.1, 0.25], abandoned: [4, 1],
            errorsTogether: 4, slowTogether: [1, 0],
            every: RequestStratum(requests: 30, errors: 4, latency: [29, 30], abandoned: [6, 2]),
            users: UserCounters(windows: 3, units: 9, failed: 2, touched: 3, rejected: 1, slowed: [2, 1], dropped: 1))
        let side = ReplaySide(counts)
        let again = try JSONDecoder().decode(ReplaySide.self, from: JSONEncoder().encode(side))
        #expect(again == side)
        func read(_ metric: CompareGate.Metric) throws -> SideCounts {
            try ReplayRequirement(.compare(CompareGate(metric: metric))).counts(of: again, buckets: nil)
        }
        let slow = try read(.slow)
        #expect(slow.abandoned == [4, 1] && slow.slowTogether == [1, 0] && slow.unavailable == 0)
        #expect(slow.every?.abandoned == [6, 2] && slow.users?.slowed == [2, 1])
        let errors = try read(.errors)
        #expect(errors.unavailable == 3 && errors.errorsTogether == 4 && errors.abandoned.isEmpty)
        #expect(errors.every?.errors == 4 && errors.users?.failed == 2)
        #expect(try read(.slow).impossibility == nil && errors.impossibility == nil)

        let wrong = try JSONDecoder().decode(
            ReplaySide.self, from: Data(#"{"requests": 3, "errors": 0, "proxy": {"abandoned": {"soon": 1}}}"#.utf8))
        #expect(throws: MissingReplayValue.self) {
            try ReplayRequirement(.compare(CompareGate(metric: .errors))).counts(of: wrong, buckets: nil)
        }
    }
}
