import Analysis
import Foundation
import ModelManifests
import Serving
import Testing

@testable import Rollouts

/// Proxies choose the most frequent values for themselves: where they differ, the evidence says so.
@Suite("Slices that only some proxies tell apart")
struct PartlyKnownSlicesTests {
    private let candidate = Revision(rawValue: "c")

    private func reading(_ proxy: String, _ values: [String], unavailable: Int = 0) -> Reading {
        Reading(
            instance: "c-0" + proxy, revision: candidate, epoch: "1",
            counters: RequestCounters(
                requests: unavailable > 0 ? 0 : 10, unavailable: unavailable,
                slices: Dictionary(values.map { ($0, SliceCounters(requests: 1)) }) { first, _ in first }))
    }

    private func partly(_ readings: [Reading]) -> [String]? {
        var ledger = EvidenceLedger()
        _ = ledger.look(at: readings, stable: nil, candidate: candidate)
        return ledger.partlyKnownValues
    }

    @Test("are named, in order and no more than fit; those that all of them know are not")
    func named() {
        let one = reading("@a", ["country=DE", "country=FR", "country=other"])
        #expect(partly([one]) == nil)
        #expect(partly([one, reading("@b", ["country=DE", "country=FR", "country=other"])]) == nil)
        #expect(
            partly([one, reading("@b", ["country=DE", "country=IT", "country=other"])]) == ["country=FR", "country=IT"])
        let many = reading("@b", (0..<20).map { "country=\($0)" })
        #expect(partly([one, many])?.count == EvidenceLedger.partlyKnownLimit)
    }

    @Test("a proxy that has not chosen yet differs from nobody, nor does what no instance had")
    func undecided() {
        let one = reading("@a", ["country=DE", "country=other", "plan=free"])
        #expect(partly([one, reading("@b", ["plan=free"])]) == nil)
        #expect(partly([one, reading("@b", ["country=FR"], unavailable: 3)]) == nil)
    }

    @Test("two instances behind one proxy are one proxy, and without names there is only one")
    func oneProxy() {
        #expect(partly([reading("@a", ["country=DE"]), reading("-1@a", ["country=FR"])]) == nil)
        #expect(partly([reading("", ["country=DE"]), reading("-1", ["country=FR"])]) == nil)
    }

    @Test("is in the record only while it is so")
    func recorded() throws {
        var ledger = EvidenceLedger()
        let one = reading("@a", ["country=DE"])
        _ = ledger.look(at: [one, reading("@b", ["country=FR"])], stable: nil, candidate: candidate)
        let written = try JSONEncoder().encode(ledger)
        #expect(try JSONDecoder().decode(EvidenceLedger.self, from: written) == ledger)
        _ = ledger.look(at: [one], stable: nil, candidate: candidate)
        #expect(!String(decoding: try JSONEncoder().encode(ledger), as: UTF8.self).contains("partlyKnown"))
    }
}
