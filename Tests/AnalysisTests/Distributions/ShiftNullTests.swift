import Testing

@testable import Analysis

@Suite struct ShiftNullTests {
    struct Reference: Sendable {
        var alternative: SharePair
        var exposure: (stable: Double, candidate: Double)
        var maxShift: Double
        var projection: SharePair
    }

    /// Minima over tables by scipy.optimize.minimize (SLSQP).
    static let references = [
        Reference(
            alternative: SharePair(stable: [0.62, 0.28, 0.1], candidate: [0.41, 0.35, 0.24]), exposure: (900, 100),
            maxShift: 0.05,
            projection: SharePair(
                stable: [0.60509017, 0.28814148, 0.10676836], candidate: [0.55509017, 0.28814148, 0.15676836])),
        Reference(
            alternative: SharePair(stable: [0.1, 0.2, 0.3, 0.4], candidate: [0.4, 0.3, 0.2, 0.1]), exposure: (50, 50),
            maxShift: 0.2,
            projection: SharePair(
                stable: [0.13797959, 0.26202041, 0.26202041, 0.33797959],
                candidate: [0.33797959, 0.26202041, 0.26202041, 0.13797959])),
        Reference(
            alternative: SharePair(stable: [0.25, 0.25, 0.25, 0.25], candidate: [0.85, 0.05, 0.05, 0.05]),
            exposure: (300, 100), maxShift: 0.1,
            projection: SharePair(
                stable: [0.36878356, 0.21040548, 0.21040548, 0.21040548],
                candidate: [0.46878356, 0.17707215, 0.17707215, 0.17707215])),
    ]

    @Test("projections agree with scipy", arguments: references)
    func agreesWithScipy(_ reference: Reference) {
        let found = ShiftNull(maxShift: reference.maxShift).projection(
            of: reference.alternative, stableCount: reference.exposure.stable,
            candidateCount: reference.exposure.candidate)
        for (own, scipy) in zip(
            found.stable + found.candidate, reference.projection.stable + reference.projection.candidate)
        {
            #expect(abs(own - scipy) < 2e-8)
        }
        #expect(abs(found.shift - reference.maxShift) < 1e-12)
    }

    /// Exact only at the optimum: at any other point of the null, the largest mean ratio is above 1.
    @Test("projections are optimal up to rounding, over shares, counts and tolerances of all sizes")
    func optimal() {
        var traffic = Traffic(seed: 21)
        var worst = 0.0
        for round in 0..<400 {
            let count = 2 + round % 31
            let alternative = SharePair(
                stable: Self.shares(count, &traffic), candidate: Self.shares(count, &traffic))
            let null = ShiftNull(maxShift: [0, 1e-4, 0.01, 0.05, 0.2, 0.6][round % 6])
            guard alternative.shift > null.maxShift else { continue }
            let (stable, candidate) = ([1.0, 10, 1_000, 1e6][round % 4], [1.0, 30, 1e5][round / 4 % 3])
            let nearest = null.projection(of: alternative, stableCount: stable, candidateCount: candidate)
            let mean = null.largestMeanRatio(
                of: alternative, over: nearest, stableCount: stable, candidateCount: candidate)
            worst = max(worst, abs(mean - 1))
        }
        #expect(worst < 1e-12)
    }

    static func shares(_ count: Int, _ traffic: inout Traffic) -> [Double] {
        let masses = (0..<count).map { _ in 1e-4 - Double.log(1 - traffic.uniform()) }
        let total = masses.reduce(0, +)
        return masses.map { $0 / total }
    }

    /// The expectation of a block is a product over its values: no simulation, and no tolerance except rounding.
    @Test("the expectation is at most 1 at every point of the null", arguments: [0, 0.02, 0.1, 0.4])
    func expectation(maxShift: Double) {
        var traffic = Traffic(seed: 22)
        let null = ShiftNull(maxShift: maxShift)
        var largest = -Double.infinity
        for round in 0..<300 {
            let count = 2 + round % 5
            let alternative = SharePair(
                stable: Self.shares(count, &traffic), candidate: Self.shares(count, &traffic))
            guard alternative.shift > maxShift else { continue }
            let exposure = (stable: 1 + round % 40, candidate: 1 + round % 7)
            let nearest = null.projection(
                of: alternative, stableCount: Double(exposure.stable), candidateCount: Double(exposure.candidate))
            let base = Self.shares(count, &traffic)
            let far = Self.shares(count, &traffic)
            let distance = SharePair(stable: base, candidate: far).shift
            let part = min(1, maxShift / distance)
            let mixed = zip(base, far).map { $0 + part * ($1 - $0) }
            for truth in [nearest, SharePair(stable: base, candidate: mixed), SharePair(stable: base, candidate: base)]
            {
                largest = max(largest, Self.logExpectation(null, alternative, truth: truth, exposure))
            }
        }
        #expect(largest <= 1e-9)
        #expect(largest > -1e-6, "the bound is met at the projection, else the test would be too weak to fail")
    }

    static func logExpectation(
        _ null: ShiftNull, _ alternative: SharePair, truth: SharePair, _ exposure: (stable: Int, candidate: Int)
    ) -> Double {
        // ln of the E-variable is a sum over values. The factor of one value is the difference of blocks that differ by
        // one value.
        let count = truth.stable.count
        func block(_ stable: Int, _ candidate: Int) -> Double {
            var counts = BucketBlock(
                stable: Array(repeating: 0, count: count), candidate: Array(repeating: 0, count: count))
            counts.stable[stable] = exposure.stable
            counts.candidate[candidate] = exposure.candidate
            return null.logEVariable(counts, alternative)
        }
        let corner = block(0, 0)
        let (n, m) = (Double(exposure.stable), Double(exposure.candidate))
        let stable = (0..<count).reduce(0.0) { $0 + truth.stable[$1] * .exp((block($1, 0) - corner) / n) }
        let candidate = (0..<count).reduce(0.0) { $0 + truth.candidate[$1] * .exp((block(0, $1) - corner) / m) }
        return corner + n * .log(stable) + m * .log(candidate)
    }

    @Test(
        "with two buckets it is the difference of two rates, and agrees with RateBoundary",
        arguments: [0, 0.02])
    func twoBuckets(maxShift: Double) throws {
        let boundary = RateBoundary(slope: 1, offset: maxShift)
        let pair = RatePair(stable: 0.1, candidate: 0.3)
        let projection = try #require(boundary.projection(of: pair, stableCount: 90, candidateCount: 30))
        let rates = RateBlock(
            stable: Trials(count: 90, successes: 12), candidate: Trials(count: 30, successes: 8))
        let found = ShiftNull(maxShift: maxShift).logEVariable(
            BucketBlock(stable: [12, 78], candidate: [8, 22]),
            SharePair(stable: [0.1, 0.9], candidate: [0.3, 0.7]))
        #expect(abs(found - rates.logLikelihoodRatio(of: pair, over: projection)) < 1e-9)
    }

    @Test("an alternative within the null bets nothing")
    func within() {
        let pair = SharePair(stable: [0.5, 0.5], candidate: [0.45, 0.55])
        let block = BucketBlock(stable: [100, 0], candidate: [0, 100])
        #expect(ShiftNull(maxShift: 0.06).logEVariable(block, pair) == 0)
        #expect(ShiftNull(maxShift: 0.04).logEVariable(block, pair) > 0)
        #expect(ShiftNull(maxShift: 1).logEVariable(block, pair) == 0)
    }

    @Test("numbers stay finite over blocks of any size")
    func finite() {
        let pair = SharePair(stable: [1 - 1e-9, 1e-9], candidate: [1e-9, 1 - 1e-9])
        for block in [
            BucketBlock(stable: [0, 1_000_000_000], candidate: [1, 0]),
            BucketBlock(stable: [1, 0], candidate: [1_000_000_000, 0]),
        ] {
            let log = ShiftNull(maxShift: 0.01).logEVariable(block, pair)
            #expect(log.isFinite)
        }
    }
}
