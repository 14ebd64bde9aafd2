import Foundation
import Testing

@testable import Analysis

@Suite("How often the guarantee was broken")
struct SelfCheckTallyTests {
    private func tally(_ rollouts: Int, alarms: Int, promised: Double = 0.01) -> SelfCheckTally {
        (0..<rollouts).reduce(into: SelfCheckTally()) {
            $0.add(SelfCheck.Outcome(hasAlarmed: $1 < alarms, promisedRate: promised))
        }
    }

    @Test("the probability of this many false alarms follows the binomial distribution")
    func chances() {
        // R: 1 - pbinom(k - 1, n, 0.01)
        for (rollouts, alarms, chance) in [
            (120, 9, 3.8538e-6), (100, 1, 0.63397), (100, 4, 0.018374), (30, 3, 0.0033178),
        ] {
            let found = tally(rollouts, alarms: alarms).chanceOfAsMany
            #expect(abs(found - chance) <= chance * 0.01, "\(alarms) of \(rollouts): \(found)")
        }
        #expect(tally(50, alarms: 0).chanceOfAsMany == 1)
    }

    @Test("more false alarms than promised count as broken only if chance does not explain them")
    func broken() {
        #expect(!SelfCheckTally().isBroken)
        #expect(!tally(1, alarms: 0).isBroken)
        #expect(!tally(20, alarms: 1).isBroken)
        #expect(!tally(100, alarms: 4).isBroken)
        #expect(tally(30, alarms: 3).isBroken)
        #expect(tally(120, alarms: 9).isBroken)
        #expect(!tally(1000, alarms: 11).isBroken)
    }

    @Test("the text is one sentence, with advice if the guarantee is broken")
    func words() {
        let text = tally(120, alarms: 9).summary.reason
        #expect(
            text.hasPrefix(
                "of 120 rollouts compared with themselves, 9 would have been rolled back; promised: 1 in 100. Failures here"
            ))
        #expect(
            tally(1, alarms: 0).summary.reason
                == "of 1 rollout compared with themselves, 0 would have been rolled back; promised: 1 in 100")
        #expect(abs(tally(3, alarms: 0, promised: 0.006).promisedRate - 0.006) < 1e-12)
    }

    @Test("the record stays small, however many rollouts there were")
    func record() throws {
        let data = try JSONEncoder().encode(tally(5000, alarms: 40))
        #expect(data.count < 80)
        #expect(try JSONDecoder().decode(SelfCheckTally.self, from: data) == tally(5000, alarms: 40))
    }
}
