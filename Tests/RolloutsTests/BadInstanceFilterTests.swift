import Analysis
import Foundation
import ModelManifests
import Serving
import Testing

@testable import Rollouts

@Suite("The failures of one bad instance")
struct BadInstancesTests {
    private let candidate = Revision(rawValue: "c")
    private var bad = BadInstanceFilter()

    private func addition(_ instance: String, _ requests: Int, errors: Int = 0, outlier: Bool = false)
        -> BadInstanceFilter.Addition
    {
        BadInstanceFilter.Addition(
            instance: instance, revision: candidate, counts: SideCounts(requests: requests, errors: errors),
            isOutlier: outlier)
    }

    private mutating func look(_ additions: BadInstanceFilter.Addition...) -> SideCounts {
        bad.settledCounts(additions)[candidate] ?? SideCounts()
    }

    @Test("are left out if the data plane ejects it")
    mutating func outlier() {
        let first = look(addition("a", 9), addition("b", 7, errors: 7), addition("c", 8))
        #expect((first.requests, first.errors) == (17, 0))
        let second = look(addition("a", 9), addition("b", 1, errors: 1, outlier: true), addition("c", 8))
        #expect((second.requests, second.errors) == (17, 0))
        #expect(bad.leftOut == [candidate: 8])
    }

    @Test("count at once if its siblings fail too, and no request is lost")
    mutating func model() {
        let first = look(addition("a", 5), addition("b", 3, errors: 3))
        #expect((first.requests, first.errors) == (5, 0))
        let second = look(addition("a", 4, errors: 4), addition("b", 3, errors: 3))
        #expect((second.requests, second.errors) == (10, 10))
        #expect(bad.isEmpty)
    }

    @Test("count after a while if it is not ejected")
    mutating func patience() {
        var sum = SideCounts()
        for _ in 0...BadInstanceFilter.patience { sum.add(look(addition("a", 5), addition("b", 1, errors: 1))) }
        #expect((sum.requests, sum.errors) == (5 * (BadInstanceFilter.patience + 1) + 5, 5))
        #expect(bad.isEmpty)
    }

    @Test("count at once if it is alone, or if half of its answers are good")
    mutating func alone() {
        #expect(look(addition("b", 3, errors: 3)).errors == 3)
        #expect(look(addition("a", 5), addition("b", 10, errors: 5)).errors == 5)
        // The reading of requests that no instance took is not a sibling.
        let unserved = BadInstanceFilter.Addition(
            instance: Reading.unserved(candidate), revision: candidate, counts: SideCounts(), isOutlier: false)
        #expect(bad.settledCounts([addition("b", 3, errors: 3), unserved])[candidate]?.errors == 3)
    }

    @Test("count if the instance is gone before anything was decided")
    mutating func gone() {
        _ = look(addition("a", 5), addition("b", 3, errors: 3))
        let next = look(addition("a", 5))
        #expect((next.requests, next.errors) == (8, 3))
    }

    @Test("waiting counts are in the record, and without any nothing is written")
    mutating func recorded() throws {
        var ledger = EvidenceLedger()
        func reading(_ instance: String, _ requests: Int, _ errors: Int) -> Reading {
            Reading(
                instance: instance, revision: candidate, epoch: "1",
                counters: RequestCounters(requests: requests, errors: errors))
        }
        _ = ledger.look(at: [reading("a", 0, 0), reading("b", 0, 0)], stable: nil, candidate: candidate)
        let empty = try JSONEncoder().encode(ledger)
        #expect(!String(decoding: empty, as: UTF8.self).contains("badInstances"))
        _ = ledger.look(at: [reading("a", 9, 0), reading("b", 3, 3)], stable: nil, candidate: candidate)
        let decoded = try JSONDecoder().decode(EvidenceLedger.self, from: try JSONEncoder().encode(ledger))
        #expect(decoded == ledger)
        #expect(try JSONDecoder().decode(EvidenceLedger.self, from: empty).badInstances.isEmpty)
    }
}
