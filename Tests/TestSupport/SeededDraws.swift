import RealModule

/// One stream of random numbers. A seed replays it.
package struct SeededDraws: Sendable {
    private var random: SeededRandom

    package init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// In 0..<1.
    package mutating func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }

    /// The number of successes in `count` trials, drawn at once: 400,000 requests do not cost 400,000 draws.
    package mutating func binomial(_ count: Int, _ rate: Double) -> Int {
        guard count > 0, rate > 0 else { return 0 }
        if rate > 0.5 { return count - binomial(count, 1 - rate) }
        return Double(count) * rate < 12 ? byJumps(count, rate) : fromMode(count, rate)
    }

    /// Jumps from success to success: cheap for rare successes.
    private mutating func byJumps(_ count: Int, _ rate: Double) -> Int {
        var (position, found) = (0.0, 0)
        while true {
            position += 1 + (Double.log(1 - uniform()) / Double.log(onePlus: -rate)).rounded(.down)
            if position > Double(count) { return found }
            found += 1
        }
    }

    /// Inversion outwards from the most likely number: the number of steps is that of the spread.
    private mutating func fromMode(_ count: Int, _ rate: Double) -> Int {
        let trials = Double(count)
        let mode = ((trials + 1) * rate).rounded(.down)
        let logChance =
            Double.logGamma(trials + 1) - Double.logGamma(mode + 1) - Double.logGamma(trials - mode + 1)
            + mode * .log(rate) + (trials - mode) * .log(onePlus: -rate)
        let odds = rate / (1 - rate)
        var rest = uniform() - Double.exp(logChance)
        var (above, below) = (mode, mode)
        var (chanceAbove, chanceBelow) = (Double.exp(logChance), Double.exp(logChance))
        while rest > 0, chanceAbove + chanceBelow > 1e-20 {
            chanceAbove *= (trials - above) / (above + 1) * odds
            above += 1
            rest -= chanceAbove
            if rest <= 0 { return Int(above) }
            chanceBelow *= below / ((trials - below + 1) * odds)
            below -= 1
            rest -= chanceBelow
            if rest <= 0 { return Int(below) }
        }
        return Int(mode)
    }

    /// How many of `count` fall into each bucket. Shares sum to 1.
    package mutating func buckets(_ count: Int, _ shares: [Double]) -> [Int] {
        var (left, share) = (count, 1.0)
        return shares.map { bucket in
            guard left > 0, share > 0 else { return 0 }
            let found = binomial(left, min(1, bucket / share))
            left -= found
            share -= bucket
            return found
        }
    }

    /// Integers from 1 to `limit` with a tail of `n^(−shape)`.
    package mutating func pareto(shape: Double, limit: Int) -> Int {
        Int(min(Double.pow(1 - uniform(), -1 / shape), Double(limit)))
    }
}
