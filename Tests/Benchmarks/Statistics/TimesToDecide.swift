import Analysis
import Foundation
import ModelManifests
import RealModule
import TestSupport

/// How soon equal candidates pass and bad ones fail, and how often a candidate at the pass margin passes.
enum TimesToDecide {
    static func passes(_ streams: Streams, firstCell: Int) async -> [Figure] {
        let looks = Looks.geometric(first: 100, ratio: 1.02, last: 400_000)
        var figures: [Figure] = []
        for (index, rate) in [0.01, 0].enumerated() {
            let path = RatePath.steady(weight: 0.25, stable: rate, candidate: rate)
            let ends = await streams.map(cell: firstCell + index) { draws in
                var judgement = Promise.judgement()
                return judgement.watch(path, looks, &draws, untilPass: true).passed
            }
            let total = ends.map { $0.map { Double($0.total) } }.medianOrNever
            let candidate = ends.map { $0.map { Double($0.candidate) } }.medianOrNever
            let isMet = rate > 0 ? total.map { $0 <= 20_000 } : candidate.map { $0 <= 1_200 }
            figures.append(
                Figure(
                    what: "equal, \(rate > 0 ? percent(rate) : "no") errors, weight 25 %: median to pass",
                    goal: rate > 0 ? "≤ 20,000 requests" : "≤ 1,200 of the candidate's",
                    measured: "\(whole(total)) requests, \(whole(candidate)) of the candidate's", isMet: isMet ?? false)
            )
        }
        return figures
    }

    /// With the default tolerance, and with one so large that no failure ends a stream before it could pass.
    static func missedRegressions(_ streams: Streams, firstCell: Int) async -> [Figure] {
        let looks = Looks.geometric(first: 100, ratio: 1.05, last: 400_000)
        var figures: [Figure] = []
        var cell = firstCell
        for rate in [0.001, 0.01, 0.05, 0.2] {
            for weight in [0.05, 0.25] {
                let path = RatePath.steady(
                    weight: weight, stable: rate, candidate: Promise.rateAtPassMargin(rate))
                var shares: [Double] = []
                for tolerance in [Promise.tolerance, 100] {
                    let gate = CompareGate(metric: .errors, maxRelativeIncrease: tolerance)
                    let ends = await streams.map(cell: cell) { draws in
                        var judgement = Promise.judgement(of: [GateSpec(name: "errors", kind: .compare(gate))])
                        return judgement.watch(path, looks, &draws, untilPass: true).passed != nil
                    }
                    shares.append(ends.share)
                }
                cell += 1
                let most = Promise.mostWithin(Promise.missedRegressionRate, of: streams.count)
                figures.append(
                    Figure(
                        what: "at the pass margin: \(percent(rate)) errors, weight \(percent(weight))",
                        goal: "passed ≤ \(percent(Promise.missedRegressionRate))",
                        measured: "\(percent(shares[0])); where none fails \(percent(shares[1]))",
                        isMet: shares.allSatisfy { $0 * Double(streams.count) <= most }))
            }
        }
        return figures
    }

    /// The rates, and the weights at which they are tried. Above a weight of 25 % no speed is promised.
    private static let regressions: [(stable: Double, candidate: Double, weights: [Double])] =
        [(0.01, 0.03), (0.01, 0.02), (0.001, 0.01), (0.05, 0.10)].map { ($0.0, $0.1, [0.05, 0.10, 0.25]) }
        + [(0.05, 0.2), (0.2, 0.6)].map { ($0.0, $0.1, [0.05, 0.10, 0.25, 0.50]) }

    static func failures(_ streams: Streams, firstCell: Int) async -> [Figure] {
        var figures: [Figure] = []
        var cell = firstCell
        for (stable, candidate, weights) in regressions {
            for weight in weights {
                let ends = await streams.map(cell: cell) { draws in
                    RaceToFail(weight: weight, stable: stable, candidate: candidate).run(&draws)
                }
                cell += 1
                let own = ends.map { $0.mlctl.map { Double($0.candidate) } }.medianOrNever
                let total = ends.map { $0.mlctl.map { Double($0.total) } }.medianOrNever
                let wald = ends.map { $0.wald.map { Double($0) } }.medianOrNever
                let learning = ends.map { $0.learning.map { Double($0) } }.medianOrNever
                let ratio = (own ?? .infinity) / (wald ?? .nan)
                let isPromised = weight <= 0.25
                figures.append(
                    Figure(
                        what: "\(percent(stable)) → \(percent(candidate)), weight \(percent(weight)): median to fail",
                        goal: isPromised ? "≤ 2.3 of Wald's SPRT" : "no promise",
                        measured: "\(text(ratio, 2)): \(whole(own)) of the candidate's, \(whole(total)) in all",
                        peer: "SPRT \(whole(wald)); one that has to learn stable's rate \(whole(learning))",
                        isMet: !isPromised || ratio <= 2.3))
            }
        }
        return figures
    }
}

/// mlctl, with counts that report what failed together, and Wald's test on one stream, looked at at the same times.
struct RaceToFail: Sendable {
    static let looks = Looks.geometric(first: 10, ratio: 1.02, last: 400_000)

    var weight: Double
    var stable: Double
    var candidate: Double

    struct End: Sendable {
        var mlctl: Watched.Moment?
        /// The candidate's requests.
        var wald: Int?
        /// The candidate's requests.
        var learning: Int?
    }

    func run(_ draws: inout SeededDraws) -> End {
        var traffic = ClumpedTraffic(both: FailureStream(single: stable), weight: weight)
        traffic.candidate.single = candidate
        var judgement = Promise.judgement()
        var wald = WaldTest(null: (1 + Promise.tolerance) * stable, alternative: candidate)
        var learning = LearningTest(weight: weight, stable: stable, candidate: candidate)
        var end = End()
        var last = 0
        for total in Self.looks.totals {
            let interval = traffic.look(total - last, &draws)
            last = total
            if wald.verdict == .insufficient {
                wald.absorb(interval.candidate)
                if wald.verdict == .fail { end.wald = traffic.toCandidate }
            }
            if !learning.fails {
                learning.absorb(interval)
                if learning.fails { end.learning = traffic.toCandidate }
            }
            if judgement.verdict != .fail {
                judgement.absorb(interval)
                if judgement.verdict == .fail {
                    end.mlctl = Watched.Moment(total: total, candidate: traffic.toCandidate)
                }
            }
            if judgement.verdict == .fail, wald.verdict != .insufficient, learning.fails { return end }
        }
        return end
    }
}

/// Wald's sequential probability ratio test (1945) of the candidate's true rate against stable's true rate at the
/// tolerance. It knows both rates: stable's likelihood is the same under both hypotheses, so only the candidate's
/// requests decide. It may use mlctl's full error rates, of which mlctl's single gate uses nine tenths.
struct WaldTest: Sendable {
    static let failBound = Double.log((1 - Promise.missedRegressionRate) / Promise.falseRollbackRate)
    static let passBound = Double.log(Promise.missedRegressionRate / (1 - Promise.falseRollbackRate))

    private let perError: Double
    private let perAnswer: Double
    private var sum = 0.0

    init(null: Double, alternative: Double) {
        perError = .log(alternative / null)
        perAnswer = .log((1 - alternative) / (1 - null))
    }

    /// A verdict other than insufficient is final.
    var verdict: Verdict { sum >= Self.failBound ? .fail : (sum <= Self.passBound ? .pass : .insufficient) }

    mutating func absorb(_ counts: SideCounts) {
        sum += Double(counts.errors) * perError + Double(counts.requests - counts.errors) * perAnswer
    }
}

/// The most powerful test of both rates against all pairs of rates at the tolerance. It knows the true rates but may
/// not assume stable's, which must be seen in the same requests. The null is the nearest pair in information (reverse
/// information projection: Grünwald, de Heide, Koolen, "Safe testing", 2024).
struct LearningTest: Sendable {
    private let perStable: (error: Double, answer: Double)
    private let perCandidate: (error: Double, answer: Double)
    private var sum = 0.0

    init(weight: Double, stable: Double, candidate: Double) {
        func information(_ rate: Double, _ null: Double) -> Double {
            rate * .log(rate / null) + (1 - rate) * .log((1 - rate) / (1 - null))
        }
        let slope = 1 + Promise.tolerance
        let nearest =
            (1..<10_000).map { stable + (candidate / slope - stable) * Double($0) / 10_000 }.min {
                func distance(_ null: Double) -> Double {
                    weight * information(candidate, slope * null) + (1 - weight) * information(stable, null)
                }
                return distance($0) < distance($1)
            } ?? stable
        func logRatios(_ rate: Double, _ null: Double) -> (Double, Double) {
            (.log(rate / null), .log((1 - rate) / (1 - null)))
        }
        perStable = logRatios(stable, nearest)
        perCandidate = logRatios(candidate, slope * nearest)
    }

    var fails: Bool { sum >= WaldTest.failBound }

    mutating func absorb(_ interval: Interval) {
        for (counts, per) in [(interval.stable, perStable), (interval.candidate, perCandidate)] {
            sum += Double(counts.errors) * per.error + Double(counts.requests - counts.errors) * per.answer
        }
    }
}
