import Foundation
import Testing

@testable import Analysis

@Suite struct ReadingLedgerTests {
    static func read(
        _ ledger: inout ReadingLedger, _ requests: Int, _ errors: Int = 0, instance: String = "a", epoch: String = "1",
        fromZero: Bool = false
    ) -> SideCounts {
        ledger.increment(
            instance: instance, epoch: epoch, cumulative: SideCounts(requests: requests, errors: errors),
            fromZero: fromZero)
    }

    @Test("the first sighting is the baseline, unless it counts from zero")
    func baseline() {
        var ledger = ReadingLedger()
        #expect(Self.read(&ledger, 100, 1) == SideCounts())
        #expect(Self.read(&ledger, 150, 3) == SideCounts(requests: 50, errors: 2))
        #expect(Self.read(&ledger, 40, 2, instance: "b", fromZero: true) == SideCounts(requests: 40, errors: 2))
    }

    @Test("a repeated reading adds nothing, and the next reading makes up for a missing one")
    func repeated() {
        var ledger = ReadingLedger()
        _ = Self.read(&ledger, 100)
        #expect(Self.read(&ledger, 100) == SideCounts())
        #expect(ledger.problems.isEmpty)
        #expect(Self.read(&ledger, 300) == SideCounts(requests: 200))
    }

    @Test("a new epoch starts again, from zero only if the caller says so")
    func epochs() {
        var ledger = ReadingLedger()
        _ = Self.read(&ledger, 1_000)
        #expect(Self.read(&ledger, 30, epoch: "2") == SideCounts())
        #expect(Self.read(&ledger, 50, epoch: "2") == SideCounts(requests: 20))
        #expect(Self.read(&ledger, 7, epoch: "3", fromZero: true) == SideCounts(requests: 7))
    }

    @Test("a late reading of an earlier epoch is not counted again")
    func lateEpoch() {
        var ledger = ReadingLedger()
        _ = Self.read(&ledger, 1_000)
        _ = Self.read(&ledger, 10, epoch: "2", fromZero: true)
        #expect(Self.read(&ledger, 990, epoch: "1", fromZero: true) == SideCounts())
        #expect(ledger.problems["a"] == "a late reading of an earlier run")
        #expect(Self.read(&ledger, 15, epoch: "2", fromZero: true) == SideCounts(requests: 5))
    }

    @Test("counters that fall to a small value are a restart: counting continues from there")
    func restart() {
        var ledger = ReadingLedger()
        _ = Self.read(&ledger, 1_000, 10)
        #expect(Self.read(&ledger, 20, 1) == SideCounts())
        #expect(ledger.problems["a"] == "counters that fell from 1000 to 20 requests")
        #expect(Self.read(&ledger, 70, 2) == SideCounts(requests: 50, errors: 1))
        #expect(ledger.problems.isEmpty)
    }

    @Test("a restart that has overtaken the old run is not counted as part of the old run")
    func overtakingRestart() {
        var ledger = ReadingLedger()
        _ = Self.read(&ledger, 100, 50)
        _ = Self.read(&ledger, 5, 0)
        // As an increment of the old run this would be 900 requests and 5 errors.
        #expect(Self.read(&ledger, 1_000, 55) == SideCounts())
        #expect(Self.read(&ledger, 1_100, 60) == SideCounts(requests: 100, errors: 5))
    }

    @Test("a late reading counts nothing twice")
    func late() {
        var ledger = ReadingLedger()
        var counted = 0
        for requests in [1_000, 1_100, 1_060, 1_200, 1_300, 1_250, 1_260, 1_400, 1_500] {
            counted += Self.read(&ledger, requests).requests
        }
        #expect(counted <= 500)
        #expect(counted >= 200, "and goes on counting")
    }

    @Test("counters that stay lower are accepted in the end")
    func staysLower() {
        var ledger = ReadingLedger()
        _ = Self.read(&ledger, 100)
        for requests in [80, 82, 84, 86] { #expect(Self.read(&ledger, requests).requests <= 2) }
        #expect(Self.read(&ledger, 90) == SideCounts(requests: 4))
    }

    @Test("invalid readings change nothing, and are named")
    func garbage() {
        var ledger = ReadingLedger()
        _ = Self.read(&ledger, 100, 1)
        #expect(Self.read(&ledger, 110, 200) == SideCounts())
        #expect(ledger.problems["a"] == "a reading with more errors than requests")
        #expect(Self.read(&ledger, 105, 50) == SideCounts(), "49 errors in 5 requests")
        #expect(Self.read(&ledger, 200, 2) == SideCounts(requests: 100, errors: 1))
        #expect(Self.read(&ledger, 0, -3, instance: "new") == SideCounts())
        #expect(Self.read(&ledger, 50, 1, instance: "new") == SideCounts(), "garbage is no baseline")
    }

    @Test("the number of instances is bounded: the one that was not seen for the longest time is dropped")
    func bounded() {
        var ledger = ReadingLedger()
        for index in 0..<(ReadingLedger.instanceLimit + 1) { _ = Self.read(&ledger, 100, instance: "i\(index)") }
        #expect(Self.read(&ledger, 150, instance: "i1") == SideCounts(requests: 50))
        #expect(Self.read(&ledger, 150, instance: "i0") == SideCounts())
        ledger.keep(only: ["i5"])
        #expect(Self.read(&ledger, 170, instance: "i5") == SideCounts(requests: 70))
        #expect(Self.read(&ledger, 170, instance: "i6") == SideCounts())
    }

    @Test("random falls, gaps, repeats and restarts: what is counted never exceeds what happened")
    func neverTooMuch() {
        for seed in 0..<200 {
            var traffic = Traffic(seed: UInt64(seed))
            var ledger = ReadingLedger()
            var (truth, before) = (1_000, 1_000)
            var (happened, counted) = (0, 0)
            _ = Self.read(&ledger, truth)
            for _ in 0..<60 {
                let added = Int(traffic.uniform() * 50)
                before = truth
                truth += added
                happened += added
                let event = traffic.uniform()
                if event < 0.05 {
                    truth = 0
                } else if event < 0.15 {
                    continue
                }
                counted += Self.read(&ledger, event > 0.9 ? before : truth).requests
            }
            #expect(counted <= happened, "seed \(seed)")
        }
    }
}
