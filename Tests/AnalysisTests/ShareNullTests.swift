import Foundation
import Testing

@testable import Analysis

@Suite struct ShareNullTests {
    static func evidence(
        _ successes: Double, of count: Double, _ null: ShareNull, _ grid: AlternativeGrid, typical: Double
    ) -> Double {
        var evidence = MixtureEvidence(count: grid.alternatives.count)
        evidence.absorb(Trials(count: count, successes: successes), against: null, grid: grid, typical: typical)
        return evidence.logValue(grid)
    }

    @Test("evidence of one side agrees with mpmath to nine digits")
    func agreesWithMpmath() {
        // ln Σ prior (p/b)^x ((1−p)/(1−b))^(n−x), 40 digits.
        let more = Self.evidence(12, of: 400, .atMost(0.01), .increases, typical: 0.01)
        #expect(abs(more - 4.140636166060532506699) < 1e-9)
        let fewer = Self.evidence(1, of: 500, .atLeast(0.02), .acceptable, typical: 0.01)
        #expect(abs(fewer - 5.069150215373755141402) < 1e-9)
        let distance = Self.evidence(7.25, of: 300, .atMost(0.01), .increases, typical: 0.01)
        #expect(abs(distance - 1.319663428634305410982) < 1e-9)
    }

    @Test(
        "the expectation is 1 at the bound, and at most 1 on the null's side of it",
        arguments: [0.001, 0.02, 0.4, 0.97])
    func expectation(bound: Double) {
        for (null, grid, inside) in [
            (ShareNull.atMost(bound), AlternativeGrid.increases, [bound, bound / 2, 0]),
            (.atLeast(bound), .acceptable, [bound, (1 + bound) / 2, 1]),
        ] {
            for truth in inside {
                // Linear in the mean of one outcome, so one outcome is enough.
                let expectation =
                    truth * exp(Self.evidence(1, of: 1, null, grid, typical: bound / 2))
                    + (1 - truth) * exp(Self.evidence(0, of: 1, null, grid, typical: bound / 2))
                #expect(expectation <= 1 + 1e-12)
                if truth == bound { #expect(expectation > 1 - 1e-9) }
            }
        }
    }

    @Test("an outcome between 0 and 1 counts no more than a coin with its mean")
    func bounded() {
        for value in [0.1, 0.25, 0.5, 0.9] {
            let whole = Self.evidence(value, of: 1, .atMost(0.2), .increases, typical: 0.2)
            let coin =
                value * exp(Self.evidence(1, of: 1, .atMost(0.2), .increases, typical: 0.2))
                + (1 - value) * exp(Self.evidence(0, of: 1, .atMost(0.2), .increases, typical: 0.2))
            #expect(exp(whole) <= coin + 1e-12)
        }
    }

    @Test("bounds at 0 and 1 give finite numbers")
    func ends() {
        for bound in [0.0, 1.0] {
            for (null, grid) in [
                (ShareNull.atMost(bound), AlternativeGrid.increases), (.atLeast(bound), .acceptable),
            ] {
                for successes in [0.0, 3, 10] {
                    #expect(Self.evidence(successes, of: 10, null, grid, typical: bound).isFinite)
                }
            }
        }
        #expect(
            Self.evidence(1, of: 10, .atMost(0), .increases, typical: 0) > log(1e6), "one is enough to exclude none")
    }
}
