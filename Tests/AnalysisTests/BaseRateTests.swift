import Testing

@testable import Analysis

@Suite struct BaseRateTests {
    @Test("the weights of the guesses sum to one, however large the block", arguments: [1.0, 50, 5_000, 1e7])
    func weights(size: Double) {
        var base = BaseRate()
        base.learn(Trials(count: 1_000, successes: 30))
        let sum = base.guesses(forBlockOf: size).reduce(0) { $0 + $1.weight }
        #expect(abs(sum - 1) < 1e-12)
    }

    @Test("small blocks after a long past use the estimate alone")
    func settled() {
        var base = BaseRate()
        for _ in 0..<100 { base.learn(Trials(count: 200, successes: 10)) }
        let guesses = base.guesses(forBlockOf: 100)
        #expect(guesses.count == 1)
        #expect(abs(guesses[0].rate - 0.05) < 0.001)
    }

    @Test("the past fades, so that the estimate follows a base rate that changes")
    func forgetting() {
        var base = BaseRate()
        for _ in 0..<500 { base.learn(Trials(count: 200, successes: 1)) }
        for _ in 0..<150 { base.learn(Trials(count: 200, successes: 20)) }
        #expect(base.estimate > 0.09)
    }

    @Test("no errors at all still leave a rate strictly between 0 and 1")
    func extremes() {
        var none = BaseRate()
        none.learn(Trials(count: 1e9, successes: 0))
        #expect(none.estimate > 0)
        var all = BaseRate()
        all.learn(Trials(count: 1e9, successes: 1e9))
        #expect(all.estimate < 1)
    }
}
