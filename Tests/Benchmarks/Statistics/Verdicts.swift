import Analysis
import Foundation
import ModelManifests
import TestSupport

/// The promise of each comparing row: mlctl's own defaults.
enum Promise {
    static let falseRollbackRate = 0.01
    static let missedRegressionRate = 0.05
    static let tolerance = 0.10
    static let start = Date(timeIntervalSinceReferenceDate: 0)

    static func judgement(_ metrics: [CompareGate.Metric] = [.errors]) -> Judgement {
        judgement(of: metrics.map { GateSpec(name: $0.rawValue, kind: .compare(CompareGate(metric: $0))) })
    }

    static func judgement(of gates: [GateSpec]) -> Judgement {
        Judgement(
            gates: gates, falseRollbackRate: falseRollbackRate, missedRegressionRate: missedRegressionRate,
            startedAt: start)
    }

    /// The least error rate that a pass excludes.
    static func rateAtPassMargin(_ stable: Double) -> Double {
        let margin = PassMargin()
        return max((1 + margin.relative) * stable, stable + margin.absolute)
    }

    /// At most so many of `count` are within the rate but for chance: one that keeps it exactly is over it once in a
    /// hundred rows.
    static func mostWithin(_ rate: Double, of count: Int) -> Double {
        let expected = rate * Double(count)
        return expected + 2.326 * (expected * (1 - rate)).squareRoot()
    }
}

/// What one rollout of a stream came to.
struct Watched: Sendable {
    struct Moment: Sendable {
        var total: Int
        var candidate: Int
    }

    var failed: Moment?
    /// Before it failed, if it did.
    var passed: Moment?
}

extension Judgement {
    /// Looks until it fails, or the last look, or the first pass where that is all that is asked.
    mutating func watch(
        _ path: RatePath, _ looks: Looks, _ draws: inout SeededDraws, untilPass: Bool = false
    ) -> Watched {
        var traffic = ErrorTraffic(path, horizon: looks.totals.last ?? 1)
        var watched = Watched()
        for total in looks.totals {
            absorb(traffic.advance(to: total, &draws))
            let moment = Watched.Moment(total: total, candidate: traffic.toCandidate)
            switch verdict {
            case .fail:
                watched.failed = moment
                return watched
            case .pass:
                if watched.passed == nil { watched.passed = moment }
                if untilPass { return watched }
            case .insufficient: break
            }
        }
        return watched
    }
}

extension [Bool] {
    var share: Double { Double(count { $0 }) / Double(Swift.max(1, count)) }
}

extension [Double?] {
    /// Of all: one that never came is later than any.
    var medianOrNever: Double? {
        let sorted = map { $0 ?? .infinity }.sorted()
        guard !sorted.isEmpty, sorted[count / 2].isFinite else { return nil }
        return sorted[count / 2]
    }
}

func percent(_ share: Double) -> String {
    let value = share * 100
    let digits = abs(value - value.rounded()) < 1e-9 ? 0 : (value < 1 ? 2 : 1)
    return text(value, digits) + " %"
}

func whole(_ count: Double?) -> String { count.map { text($0) } ?? "never" }
