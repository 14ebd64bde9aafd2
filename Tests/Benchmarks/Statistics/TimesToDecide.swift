import Analysis
import Foundation
import ModelManifests
import RealModule
import TestSupport

/// How soon equal candidates pass and bad ones fail, and how often one at the pass margin passes.
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

    /// Judged as it is, and by a tolerance so wide that no failure ends a stream before it could pass.
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

    static func failures(_ streams: Streams, firstCell: Int) async -> [Figure] {
        var figures: [Figure] = []
        var cell = firstCell
        for (stable, candidate) in [(0.01, 0.03), (0.01, 0.02), (0.001, 0.01), (0.05, 0.10)] {
            for weight in [0.05, 0.10, 0.25] {
                let ends = await streams.map(cell: cell) { draws in
                    RaceToFail(weight: weight, stable: stable, candidate: candidate).run(&draws)
                }
                cell += 1
                let own = ends.map { $0.mlctl.map { Double($0.candidate) } }.medianOrNever
                let total = ends.map { $0.mlctl.map { Double($0.total) } }.medianOrNever
                let wald = ends.map { $0.wald.map { Double($0) } }.medianOrNever
                let ratio = (own ?? .infinity) / (wald ?? .nan)
                figures.append(
                    Figure(
                        what: "\(percent(stable)) → \(percent(candidate)), weight \(percent(weight)): median to fail",
                        goal: "≤ 2.0 of Wald's SPRT",
                        measured: "\(text(ratio, 2)): \(whole(own)) of the candidate's, \(whole(total)) in all",
                        peer: "SPRT \(whole(wald))", isMet: ratio <= 2))
            }
        }
        return figures
    }
}

/// mlctl and Wald's test on one stream, looked at at the same times.
struct RaceToFail: Sendable {
    static let looks = Looks.geometric(first: 40, ratio: 1.02, last: 400_000)

    var weight: Double
    var stable: Double
    var candidate: Double

    struct End: Sendable {
        var mlctl: Watched.Moment?
        /// The candidate's requests.
        var wald: Int?
    }

    func run(_ draws: inout SeededDraws) -> End {
        var traffic = ErrorTraffic(
            .steady(weight: weight, stable: stable, candidate: candidate), horizon: Self.looks.totals.last ?? 1)
        var judgement = Promise.judgement()
        var wald = WaldTest(null: (1 + Promise.tolerance) * stable, alternative: candidate)
        var end = End()
        for total in Self.looks.totals {
            let interval = traffic.advance(to: total, &draws)
            if wald.verdict == .insufficient {
                wald.absorb(interval.candidate)
                if wald.verdict == .fail { end.wald = traffic.toCandidate }
            }
            if judgement.verdict != .fail {
                judgement.absorb(interval)
                if judgement.verdict == .fail {
                    end.mlctl = Watched.Moment(total: total, candidate: traffic.toCandidate)
                }
            }
            if judgement.verdict == .fail, wald.verdict != .insufficient { return end }
        }
        return end
    }
}

/// Wald's sequential probability ratio test (1945) of the candidate's true rate against stable's true rate at the
/// tolerance, for one who knows both: stable's likelihood is the same under either, so the candidate's alone decides.
/// Errors of both kinds are mlctl's whole promise, where mlctl's one gate spends nine tenths of it.
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

    /// Once it is not insufficient, it has ended.
    var verdict: Verdict { sum >= Self.failBound ? .fail : (sum <= Self.passBound ? .pass : .insufficient) }

    mutating func absorb(_ counts: SideCounts) {
        sum += Double(counts.errors) * perError + Double(counts.requests - counts.errors) * perAnswer
    }
}
