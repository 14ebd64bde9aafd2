import TestSupport
import Testing

@testable import Analysis

@Suite("One side's requests split into two")
struct TrialsSplitTests {
    @Test("nothing is lost, and on average the second side has its share")
    func shares() {
        var split = TrialsSplitter(seed: 5)
        var sums = RateBlock.empty
        for turn in 0..<400 {
            let trials = Trials(count: 200, successes: Double(turn % 9), together: Double(turn % 9))
            let block = split.block(trials, share: 0.25)
            #expect(block.stable + block.candidate == trials)
            sums = sums + block
        }
        #expect(abs(sums.candidate.count / 80_000 - 0.25) < 0.01)
        #expect(abs(sums.candidate.successes / 1_596 - 0.25) < 0.04)
    }

    @Test("failures of one event go to one side")
    func events() {
        var split = TrialsSplitter(seed: 9)
        for _ in 0..<100 {
            let block = split.block(Trials(count: 500, successes: 30, together: 900), share: 0.5)
            #expect(block.candidate.successes == 0 || block.candidate.successes == 30)
            #expect(block.candidate.together == 0 || block.candidate.together == 900)
        }
        let sides = (0..<200).map { _ in split.block(Trials(count: 9, successes: 6, together: 18), share: 0.5).candidate
        }
        #expect(Set(sides.map(\.successes)) == [0, 3, 6], "two events of three")
    }

    @Test("an event that began earlier continues on its side")
    func goesOn() {
        var split = TrialsSplitter(seed: 21)
        for _ in 0..<100 {
            let first = split.block(Trials(count: 10, successes: 3, together: 9), share: 0.5)
            // Three more of the same event: the sum grows by 36 − 9.
            let second = split.block(Trials(count: 10, successes: 3, together: 27), share: 0.5)
            #expect(first.candidate.successes == second.candidate.successes)
        }
    }

    @Test("if the source cannot tell, all failures of a look are one event")
    func unknown() {
        var split = TrialsSplitter(seed: 3)
        let sides = (0..<100).map { _ in split.block(Trials(count: 50, successes: 7), share: 0.5).candidate }
        #expect(Set(sides.map(\.successes)) == [0, 7])
        #expect(sides.allSatisfy { $0.together == nil })
    }

    @Test("large numbers are split in the same way")
    func large() {
        var split = TrialsSplitter(seed: 7)
        let draws = (0..<300).map { _ in split.block(Trials(count: 40_000, successes: 0), share: 0.1).candidate.count }
        let mean = draws.reduce(0, +) / 300
        let variance = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 300
        #expect(abs(mean - 4000) < 12 && abs(variance / 3600 - 1) < 0.3, "\(mean), \(variance)")
    }
}
