import Testing

@testable import Analysis

@Suite struct RateBoundaryTests {
    struct Reference: Sendable {
        var alternative: RatePair
        var exposure: (stable: Double, candidate: Double)
        var boundary: RateBoundary
        var projection: RatePair
        var hits: (stable: Double, candidate: Double)
        var logRatio: Double
    }

    /// Roots of the derivative and log-likelihood ratios with 40 digits, by mpmath.
    static let references = [
        Reference(
            alternative: RatePair(stable: 0.01, candidate: 0.03), exposure: (900, 100),
            boundary: RateBoundary(slope: 1.1, offset: 0),
            projection: RatePair(stable: 0.011883206226657341, candidate: 0.013071526849323076),
            hits: (9, 3), logRatio: 0.95766803318943227),
        Reference(
            alternative: RatePair(stable: 0.2, candidate: 0.3), exposure: (30, 10),
            boundary: RateBoundary(slope: 1.1, offset: 0),
            projection: RatePair(stable: 0.21992318372703428, candidate: 0.24191550209973771),
            hits: (5, 6), logRatio: 1.1279842603673372),
        Reference(
            alternative: RatePair(stable: 0.05, candidate: 0.10), exposure: (475, 25),
            boundary: RateBoundary(slope: 1, offset: 0.005),
            projection: RatePair(stable: 0.052072343837300438, candidate: 0.057072343837300438),
            hits: (20, 4), logRatio: 1.4463196380148759),
        Reference(
            alternative: RatePair(stable: 0.001, candidate: 0.02), exposure: (1000, 1000),
            boundary: RateBoundary(slope: 1, offset: 0.002),
            projection: RatePair(stable: 0.0086254117609813358, candidate: 0.010625411760981336),
            hits: (1, 15), logRatio: 5.6095714976664615),
        Reference(
            alternative: RatePair(stable: 0.01, candidate: 0.0085), exposure: (15000, 5000),
            boundary: RateBoundary(slope: 1, offset: 0.005),
            projection: RatePair(stable: 0.0088537210968364778, candidate: 0.013853721096836478),
            hits: (150, 50), logRatio: 3.453996633776781),
        Reference(
            alternative: RatePair(stable: 0.05, candidate: 0.05), exposure: (1500, 500),
            boundary: RateBoundary(slope: 1.5, offset: 0),
            projection: RatePair(stable: 0.044357138046976121, candidate: 0.066535707070464182),
            hits: (70, 20), logRatio: 2.6277263453887636),
    ]

    @Test("projections and likelihood ratios agree with mpmath to nine digits", arguments: references)
    func agreesWithMpmath(_ reference: Reference) throws {
        let found = try #require(
            reference.boundary.projection(
                of: reference.alternative, stableCount: reference.exposure.stable,
                candidateCount: reference.exposure.candidate))
        #expect(abs(found.stable / reference.projection.stable - 1) < 1e-9)
        #expect(abs(found.candidate / reference.projection.candidate - 1) < 1e-9)
        let block = RateBlock(
            stable: Trials(count: reference.exposure.stable, successes: reference.hits.stable),
            candidate: Trials(count: reference.exposure.candidate, successes: reference.hits.candidate))
        let ratio = block.logLikelihoodRatio(of: reference.alternative, over: found)
        #expect(abs(ratio - reference.logRatio) < 1e-9)
    }

    @Test(
        "beyond the pass margin, the nearest point is on the line, the ray or their corner",
        arguments: [
            (0.0105, RatePair(stable: 0.00959745, candidate: 0.01459745)),
            (0.011, RatePair(stable: 0.01, candidate: 0.015)),
            (0.012, RatePair(stable: 0.01066187, candidate: 0.01599281)),
        ])
    func margin(rate: Double, expected: RatePair) throws {
        // Expected values by scipy.optimize.minimize (SLSQP) under both constraints.
        let null = RateNull.beyondMargin(relative: 0.5, absolute: 0.005)
        let found = try #require(
            null.projection(
                of: RatePair(stable: rate, candidate: rate), stableCount: 3000, candidateCount: 1000))
        #expect(abs(found.stable - expected.stable) < 1e-6)
        #expect(abs(found.candidate - expected.candidate) < 1e-6)
    }

    @Test("a margin of one kind is a single line")
    func oneSidedMargins() throws {
        let pair = RatePair(stable: 0.05, candidate: 0.05)
        let relative = RateNull.beyondMargin(relative: 0.5, absolute: 0)
            .projection(of: pair, stableCount: 1500, candidateCount: 500)
        #expect(abs(try #require(relative).candidate - 0.066535707070464182) < 1e-9)
        let absolute = try #require(
            RateNull.beyondMargin(relative: 0, absolute: 0.01)
                .projection(of: pair, stableCount: 1500, candidateCount: 500))
        #expect(abs(absolute.candidate - absolute.stable - 0.01) < 1e-12)
    }

    @Test("a boundary outside the square has no projection")
    func outside() {
        let boundary = RateBoundary(slope: 1, offset: 1)
        #expect(
            boundary.projection(of: RatePair(stable: 0.1, candidate: 0.2), stableCount: 1, candidateCount: 1) == nil)
    }

    static let nulls: [RateNull] = [
        .atMost(RateBoundary(slope: 1.1, offset: 0)), .atMost(RateBoundary(slope: 1, offset: 0.02)),
        .beyondMargin(relative: 0.5, absolute: 0.005), .beyondMargin(relative: 0.5, absolute: 0.1),
        .beyondMargin(relative: 0.2, absolute: 0),
    ]

    /// The whole distribution of a block is summed: no simulation, and no tolerance except rounding.
    @Test("the expectation is at most 1 at every point of the null, whatever the guess", arguments: nulls)
    func expectation(_ null: RateNull) {
        var largest = 0.0
        for (stableCount, candidateCount) in [(6, 2), (2, 6), (10, 10), (9, 1)] {
            for guess in [0.001, 0.02, 0.2, 0.5] {
                for aim in Self.aims(null, guess) {
                    for truth in Self.points(of: null) {
                        let expectation = Self.expectation(
                            null, aim, truth: truth, stableCount: stableCount, candidateCount: candidateCount)
                        largest = max(largest, expectation)
                    }
                }
            }
        }
        #expect(largest <= 1 + 1e-9)
        #expect(largest > 0.999, "the bound is met somewhere on the edge, else the test would be too weak to fail")
    }

    static func aims(_ null: RateNull, _ guess: Double) -> [RatePair] {
        let edge = null.edge(atStable: guess)
        guard edge < 1 else { return [] }
        let grid: AlternativeGrid
        if case .atMost = null { grid = .increases } else { grid = .acceptable }
        return grid.alternatives.map { RatePair(stable: guess, candidate: $0.candidateRate(guess, edge)) }
    }

    /// Points on the edge and inside.
    static func points(of null: RateNull) -> [RatePair] {
        [0.0, 0.001, 0.01, 0.05, 0.2, 0.4, 0.6].flatMap { stable -> [RatePair] in
            let edge = null.edge(atStable: stable)
            guard edge <= 1 else { return [] }
            let inside: Double
            if case .atMost = null { inside = edge / 2 } else { inside = (1 + edge) / 2 }
            return [RatePair(stable: stable, candidate: edge), RatePair(stable: stable, candidate: inside)]
        }
    }

    static func expectation(
        _ null: RateNull, _ aim: RatePair, truth: RatePair, stableCount: Int, candidateCount: Int
    ) -> Double {
        guard
            let projection = null.projection(
                of: aim, stableCount: Double(stableCount), candidateCount: Double(candidateCount))
        else { return 1 }
        func mean(_ count: Int, _ alternative: Double, _ null: Double, _ truth: Double) -> Double {
            let one = truth * alternative / null + (1 - truth) * (1 - alternative) / (1 - null)
            return (0..<count).reduce(1) { product, _ in product * one }
        }
        return mean(stableCount, aim.stable, projection.stable, truth.stable)
            * mean(candidateCount, aim.candidate, projection.candidate, truth.candidate)
    }

    @Test("rates that differ between requests keep the expectation at most 1 while their means are in the null")
    func unequalRates() throws {
        var traffic = Traffic(seed: 11)
        let null = RateNull.atMost(RateBoundary(slope: 1.1, offset: 0))
        let aim = RatePair(stable: 0.05, candidate: 0.15)
        let projection = try #require(null.projection(of: aim, stableCount: 12, candidateCount: 4))
        for _ in 0..<2_000 {
            let stable = (0..<12).map { _ in traffic.uniform() * 0.5 }
            let spread = (0..<4).map { _ in traffic.uniform() }
            let wanted = 1.1 * stable.reduce(0, +) / 12
            let scale = min(1 / spread.max()!, wanted * 4 / spread.reduce(0, +))
            var product = 1.0
            for rate in stable {
                product *=
                    rate * aim.stable / projection.stable
                    + (1 - rate) * (1 - aim.stable) / (1 - projection.stable)
            }
            for rate in spread.map({ $0 * scale }) {
                product *=
                    rate * aim.candidate / projection.candidate
                    + (1 - rate) * (1 - aim.candidate) / (1 - projection.candidate)
            }
            #expect(product <= 1 + 1e-9)
        }
    }
}
