import Foundation
import ModelManifests

/// The panel of gates of one rollout, and how the false rollback rate is split between them.
///
/// Nine tenths of the rate are split evenly between the comparing gates that are there at the start and act. Those added
/// in mid-rollout share the last tenth: each addition takes half of what is left, so that it never runs out. So do those
/// that only warn: they cost the others nothing, and one that is let act later keeps its evidence and the promise.
public struct Judgement: Codable, Hashable, Sendable {
    /// Held back of the false rollback rate, for gates added in mid-rollout.
    public static let reservedShare = 0.1

    public private(set) var evidence: [GateEvidence]
    public let falseRollbackRate: Double
    public var missedRegressionRate: Double
    public let startedAt: Date
    /// What is left of the rate for gates to come.
    private var reserve: Double
    /// As they were when the rollout began: what each gate may spend is split by whether there are any. Nil: none.
    private var slices: [TrafficSlice]?

    public init(
        gates: [GateSpec], falseRollbackRate: Double, missedRegressionRate: Double, startedAt: Date,
        slices: [TrafficSlice] = []
    ) {
        self.slices = slices.isEmpty ? nil : slices
        self.falseRollbackRate = falseRollbackRate
        self.missedRegressionRate = missedRegressionRate
        self.startedAt = startedAt
        let reserve = falseRollbackRate * Self.reservedShare
        let acting = gates.count { $0.isComparing && !$0.warnOnly }
        let warning = gates.count { $0.isComparing && $0.warnOnly }
        let alpha = falseRollbackRate * (1 - Self.reservedShare) / Double(max(1, acting))
        let warningAlpha = reserve / 2 / Double(max(1, warning))
        self.reserve = warning > 0 ? reserve / 2 : reserve
        evidence = gates.map { gate in
            GateEvidence(spec: gate, alpha: gate.warnOnly ? warningAlpha : alpha, startedAt: startedAt, slices: slices)
        }
    }

    public mutating func absorb(_ interval: Interval) {
        for index in evidence.indices {
            evidence[index].absorb(interval, missedRegressionRate: missedRegressionRate)
        }
    }

    /// Traffic begins: delays of gates that need some count from here.
    public mutating func begin(at now: Date) {
        for index in evidence.indices { evidence[index].begin(at: now) }
    }

    /// Takes the answer to a gate's question.
    public mutating func take(_ answer: GateAnswer, gate: String, ordinal: Int, at now: Date) {
        guard let index = evidence.firstIndex(where: { $0.spec.name == gate }) else { return }
        evidence[index].take(answer, ordinal: ordinal, at: now)
    }

    /// Stable's traffic from before the evidence began: lets `slow` gates freeze their bound at the start.
    public mutating func learn(stableHistory counts: SideCounts, source: String = MetricSourceName.proxy) {
        for index in evidence.indices where evidence[index].spec.counters == source {
            evidence[index].learn(stableHistory: counts)
        }
    }

    /// Gates changed in mid-rollout: kept ones keep their evidence, added ones share the reserve, removed ones go. A gate
    /// whose metric, bound or tolerance changed is another gate. What a removed gate could spend is spent.
    public mutating func update(gates: [GateSpec], at now: Date? = nil) {
        let known = Dictionary(evidence.map { ($0.spec.name, $0) }, uniquingKeysWith: { first, _ in first })
        let kept = gates.map { known[$0.name]?.adopting($0) }
        let added = zip(gates, kept).count { $0.isComparing && $1 == nil }
        let share = added > 0 ? reserve / 2 / Double(added) : 0
        if added > 0 { reserve /= 2 }
        evidence = zip(gates, kept).map { spec, evidence in
            evidence ?? GateEvidence(spec: spec, alpha: share, startedAt: now, slices: slices ?? [])
        }
    }

    /// Of the gates that act. Fail if any fails; pass once all do, and where there is none; else insufficient.
    public var verdict: Verdict {
        let acting = evidence.filter { !$0.spec.warnOnly }
        if acting.contains(where: { $0.verdict == .fail }) { return .fail }
        return acting.allSatisfy { $0.verdict == .pass } ? .pass : .insufficient
    }

    /// Bounds in seconds over which slices of the traffic are to be counted from now on.
    public var slowEdgesOfSlices: [Double] { Array(Set(evidence.compactMap(\.slowEdgeOfSlices))).sorted() }

    public func evidence(of gate: String) -> GateEvidence? { evidence.first { $0.spec.name == gate } }
}
