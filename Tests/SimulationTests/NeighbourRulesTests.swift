import TestSupport
import Testing

/// The rules of other tools that mlctl is compared with, tested against cases computed by hand and against scipy.
@Suite("Rules of other tools")
struct NeighbourRulesTests {
    static let x = [1.5, 2, 0.5, 3.25, 2, 4, 1, 2.75, 0, 2]
    static let y = [1.0, 0.5, 1.5, 0, 2, 0.25, 1, 0.75, 1.25, 0, 0.5, 3]

    static func minutes(_ errors: [Int], baseline: Int = 0, of requests: Int = 100) -> [CanaryMinute] {
        errors.map {
            CanaryMinute(
                candidate: .init(requests: requests, errors: $0), baseline: .init(requests: requests, errors: baseline))
        }
    }

    @Test("Flagger rolls back at the fifth failed check, in a row or not")
    func flaggerFails() {
        let end = FlaggerRule().end(of: Self.minutes([2, 0, 2, 0, 2, 2, 1, 2, 0]))
        #expect(end == .rolledBack(minute: 8))
    }

    @Test("Flagger promotes at the tenth passed check; a rate at the bound passes")
    func flaggerPasses() {
        let end = FlaggerRule().end(of: Self.minutes([2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1]))
        #expect(end == .promoted(minute: 12))
        #expect(FlaggerRule().end(of: Self.minutes([1, 1])) == .undecided)
    }

    @Test("Flagger counts a window without requests as a failed check")
    func flaggerWithoutData() {
        let end = FlaggerRule(threshold: 2).end(of: Self.minutes([0, 0], of: 0))
        #expect(end == .rolledBack(minute: 2))
    }

    @Test("Argo Rollouts fails beyond the failure limit, and is successful once all measurements are taken")
    func argo() {
        let rule = ArgoRolloutsRule(failureLimit: 1)
        #expect(rule.end(of: Self.minutes([6, 5, 6, 0, 0])) == .rolledBack(minute: 3))
        #expect(rule.end(of: Self.minutes([6, 5, 5, 0, 0])) == .promoted(minute: 5))
        #expect(rule.end(of: Self.minutes([6, 5, 5])) == .undecided)
        #expect(rule.end(of: Self.minutes([0, 0], of: 0)) == .rolledBack(minute: 2))
    }

    /// `scipy.stats.mannwhitneyu(x − shift, y, use_continuity=True, method="asymptotic")` of scipy 1.17.1, with its
    /// two-sided p-value converted to the deviate.
    @Test(
        "the Mann–Whitney statistic equals scipy's, including ties and shifts",
        arguments: [
            (0.0, 1.8251868967965956), (0.6, 0.6276530990112396), (-0.3, 2.411509275148446), (2.2, -2.411509275148446),
        ])
    func statistic(shift: Double, deviate: Double) {
        let found = MannWhitney.statistic(Self.x, Self.y, shift: shift)
        #expect(abs(found - deviate) < 1e-9)
    }

    @Test("a statistic computed by hand: three values over three, without ties")
    func statisticByHand() {
        // Rank sum 15, so U − mean = 15 − 6 − 4.5 = 4.5; minus 0.5; variance 9 / 12 × 7 = 5.25.
        let found = MannWhitney.statistic([4, 5, 6], [1, 2, 3], shift: 0)
        #expect(abs(found - 4 / 5.25.squareRoot()) < 1e-12)
        #expect(MannWhitney.statistic([1, 1], [1, 1], shift: 0) == 0)
    }

    /// The shifts at which scipy's statistic crosses the quantile, by bisection.
    @Test(
        "the interval ends where the statistic crosses the quantile",
        arguments: [(1.959963984540054, 0.0, 2.0), (KayentaRule.quantile, -0.25, 2.0)])
    func interval(quantile: Double, lower: Double, upper: Double) {
        let test = MannWhitney(Self.x, Self.y, quantile: quantile)
        #expect(abs(test.lower - lower) < 1e-9)
        #expect(abs(test.upper - upper) < 1e-9)
        #expect(test.estimate == 1)
    }

    @Test("Kayenta rolls back a clear increase, and promotes equal or lower values, and missing data")
    func kayenta() {
        let rule = KayentaRule(analysisIntervalMinutes: 10, lifetimeMinutes: 20)
        let risen = (0..<20).map { 5 + $0 % 3 }
        #expect(rule.end(of: Self.minutes(risen, baseline: 1)) == .rolledBack(minute: 10))
        #expect(rule.end(of: Self.minutes(risen, baseline: 9)) == .promoted(minute: 20))
        #expect(rule.end(of: Self.minutes(Array(repeating: 3, count: 20), baseline: 3)) == .promoted(minute: 20))
        #expect(rule.end(of: Self.minutes(Array(repeating: 0, count: 20), of: 0)) == .promoted(minute: 20))
        #expect(rule.end(of: Self.minutes([9, 9])) == .undecided)
    }

    @Test("Kayenta's tolerance is a quarter of the estimated shift, and its direction is up")
    func kayentaTolerance() {
        // The interval of the shift is 0…2 at 95 %, below a quarter of the estimate of 1.
        #expect(!KayentaRule.isHigh(experiment: Self.x, control: Self.y))
        #expect(KayentaRule.isHigh(experiment: Self.x.map { $0 + 1 }, control: Self.y))
        #expect(!KayentaRule.isHigh(experiment: Self.y, control: Self.x.map { $0 + 1 }))
    }
}
