import Serving
import TestSupport
import Testing

@testable import Analysis

/// Requests as a proxy splits them: blocks with exact shares in random order, in clumps of one connection each.
private struct SplitTraffic {
    var random: SeededRandom
    /// The candidate's requested share, in percent.
    var weight: Int
    /// The share that the candidate really gets. Nil: the requested one.
    var drawnShare: Double?
    /// The number of requests of one connection, which come and end together.
    var clump = 1
    /// The probability that a client leaves with all its requests in flight.
    var leaving = 0.0
    /// The probability that one of the candidate's requests is lost.
    var vanishing = 0.0
    private var slots: [Bool] = []

    init(seed: UInt64, weight: Int) {
        random = SeededRandom(seed: seed)
        self.weight = weight
    }

    private mutating func draw() -> Bool {
        if let drawnShare { return Double.random(in: 0..<1, using: &random) < drawnShare }
        if slots.isEmpty {
            slots = (0..<1000).map { $0 < weight * 10 }
            slots.shuffle(using: &random)
        }
        return slots.removeLast()
    }

    mutating func look(into evidence: inout SplitEvidence) {
        var sides = [SplitCounters(), SplitCounters()]
        for _ in 0..<Int.random(in: 0...10, using: &random) {
            let leaves = Double.random(in: 0..<1, using: &random) < leaving
            for _ in 0..<Int.random(in: 1...clump, using: &random) {
                let side = draw() ? 1 : 0
                sides[side].drawn += 1
                let vanishes = side == 1 && Double.random(in: 0..<1, using: &random) < vanishing
                if leaves {
                    sides[side].givenUp += 1
                } else if vanishes {
                    sides[side].lost += 1
                } else {
                    sides[side].ended += 1
                }
            }
        }
        evidence.absorb(stable: sides[0], candidate: sides[1], share: Double(weight) / 100)
    }
}

@Suite("The split of requests")
struct SplitEvidenceTests {
    private struct Cell: Sendable, CustomTestStringConvertible {
        var weight: Int
        var clump: Int
        var leaving: Double
        var testDescription: String { "\(weight) %, clumps of up to \(clump), \(leaving) leave" }
    }

    @Test(
        "a correct split is not reported as wrong, with a look after every interval and clumps of one connection",
        arguments: [
            Cell(weight: 5, clump: 1, leaving: 0), Cell(weight: 25, clump: 20, leaving: 0.02),
            Cell(weight: 50, clump: 50, leaving: 0.2), Cell(weight: 5, clump: 50, leaving: 0.2),
        ])
    private func equal(cell: Cell) {
        var found = 0
        for seed in 1...60 as ClosedRange<UInt64> {
            var traffic = SplitTraffic(seed: seed, weight: cell.weight)
            (traffic.clump, traffic.leaving) = (cell.clump, cell.leaving)
            // Half of the streams draw each request separately, which the guarantee is about. The others draw blocks,
            // like the proxy.
            if seed.isMultiple(of: 2) { traffic.drawnShare = Double(cell.weight) / 100 }
            var evidence = SplitEvidence()
            for _ in 0..<150 { traffic.look(into: &evidence) }
            if evidence.mismatch != nil { found += 1 }
        }
        #expect(found == 0, "of 60, at a promise of 1 in 1,000")
    }

    /// Looks until a mismatch is found, and returns it.
    private func looks(
        _ traffic: inout SplitTraffic, healthy: Int = 0, limit: Int, _ goesWrong: (inout SplitTraffic) -> Void
    ) -> (requests: Int, SplitEvidence.Mismatch?) {
        var evidence = SplitEvidence()
        for _ in 0..<healthy { traffic.look(into: &evidence) }
        let before = evidence.stable.drawn + evidence.candidate.drawn
        goesWrong(&traffic)
        for _ in 0..<limit where evidence.mismatch == nil { traffic.look(into: &evidence) }
        return (evidence.stable.drawn + evidence.candidate.drawn - before, evidence.mismatch)
    }

    @Test("a mismatch is found soon if a fifth of the candidate's requests is lost", arguments: [5, 25, 50])
    func vanishing(weight: Int) {
        var needed: [Int] = []
        for seed in 1...15 as ClosedRange<UInt64> {
            var traffic = SplitTraffic(seed: seed, weight: weight)
            traffic.leaving = 0.01
            let found = looks(&traffic, limit: 2000) { $0.vanishing = 0.2 }
            #expect(found.1 == .candidateLoses)
            needed.append(found.requests * weight / 100)
        }
        #expect(needed.sorted()[7] <= 200, "of the candidate's")
    }

    @Test("a wrong share is found, in either direction, and after a long time of correct shares")
    func share() {
        for (weight, drawn, healthy) in [(25, 0.2, 0), (25, 0.2, 2000), (50, 0.45, 0), (5, 0.07, 0)] {
            var needed: [Int] = []
            for seed in 1...9 as ClosedRange<UInt64> {
                var traffic = SplitTraffic(seed: seed, weight: weight)
                let found = looks(&traffic, healthy: healthy, limit: 4000) { $0.drawnShare = drawn }
                #expect(found.1 == .share)
                needed.append(found.requests)
            }
            #expect(needed.sorted()[4] <= 6000)
        }
    }

    @Test("one side may lose a few more requests, and both sides may lose many")
    func tolerated() {
        for (leaving, vanishing) in [(0.0, 0.04), (0.3, 0.0)] {
            var traffic = SplitTraffic(seed: 5, weight: 25)
            (traffic.leaving, traffic.vanishing) = (leaving, vanishing)
            var evidence = SplitEvidence()
            for _ in 0..<3000 { traffic.look(into: &evidence) }
            #expect(evidence.mismatch == nil)
        }
    }

    @Test("each look is compared with its own share")
    func sharesOfLooks() {
        var evidence = SplitEvidence()
        for share in [0.05, 0.25, 0.5, 0.05] {
            for _ in 0..<200 {
                evidence.absorb(
                    stable: counts(Int(100 - 100 * share)), candidate: counts(Int(100 * share)), share: share)
            }
        }
        #expect(evidence.mismatch == nil)
        #expect(evidence.asked == Double(evidence.candidate.drawn))
    }

    @Test("users who come again after a proxy restarted are not multiplied")
    func again() {
        var evidence = SplitEvidence()
        // The same users each time: 30 of 100, where 25 were expected, is not unusual.
        for _ in 0..<40 {
            evidence.absorb(stable: counts(70), candidate: counts(30), share: 0.25)
            evidence.startNewEpoch()
        }
        #expect(evidence.mismatch == nil)
        for _ in 0..<40 { evidence.absorb(stable: counts(70), candidate: counts(30), share: 0.25) }
        #expect(evidence.mismatch == .share)
    }

    @Test("the reason says where requests were lost, and what is not a loss")
    func words() {
        var evidence = SplitEvidence()
        #expect(evidence.reason == "no requests were split yet")
        evidence.absorb(
            stable: SplitCounters(drawn: 750, ended: 748, givenUp: 1, turnedAway: 1),
            candidate: SplitCounters(drawn: 250, ended: 199, givenUp: 45, turnedAway: 1, lost: 5), share: 0.25)
        #expect(evidence.mismatch == .candidateLoses)
        #expect(
            evidence.reason
                == "no gate sees 20.1 % of the requests of the candidate (45 clients gave up, 5 broken off without an answer); "
                + "no gate sees 0.134 % of the requests of stable (1 client gave up); "
                + "250 of 1,000 requests (25 %) went to the candidate, 250 (25 %) were expected; "
                + "the proxy refused 1 request of the candidate and 1 of stable, which is not a mismatch")
    }

    @Test("requests that the proxy refuses are not a mismatch, on whichever side")
    func turnedAway() {
        var evidence = SplitEvidence()
        for _ in 0..<100 {
            evidence.absorb(
                stable: counts(75), candidate: SplitCounters(drawn: 25, ended: 5, turnedAway: 20), share: 0.25)
        }
        #expect(evidence.mismatch == nil)
    }

    private func counts(_ drawn: Int) -> SplitCounters { SplitCounters(drawn: drawn, ended: drawn) }
}
