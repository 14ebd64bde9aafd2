import Analysis
import Foundation
import ModelManifests
import TestSupport

/// The error rates of each comparing row: mlctl's defaults.
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

    /// The smallest error rate that a pass excludes.
    static func rateAtPassMargin(_ stable: Double) -> Double {
        let margin = PassMargin()
        return max((1 + margin.relative) * stable, stable + margin.absolute)
    }

    /// The most of `count` that are consistent with the rate. A rule that keeps the rate exactly exceeds it once in a
    /// hundred rows.
    static func mostWithin(_ rate: Double, of count: Int) -> Double {
        let expected = rate * Double(count)
        return expected + 2.326 * (expected * (1 - rate)).squareRoot()
    }
}
