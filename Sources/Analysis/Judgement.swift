import Foundation
import ModelManifests

/// The gates of one rollout, and how the false rollback rate is split between them.
///
/// Nine tenths of the rate are split evenly between the comparing gates that act and are there at the start. Gates that
/// are added during the rollout share the last tenth: each addition takes half of what is left, so it never runs out.
/// Gates that only warn also take their share from there. So they cost the other gates nothing, and a gate that acts
/// later keeps its evidence and the guarantee.
package struct Judgement: Codable, Hashable, Sendable {
    /// The part of the false rollback rate that is reserved for gates that are added later.
    package static let reservedShare = 0.1

    package private(set) var evidence: [GateEvidence]
    package let falseRollbackRate: Double
    package var missedRegressionRate: Double
    package let startedAt: Date
    /// The part of the rate that is left for later gates.
    private var reserve: Double
    /// The slices at the start of the rollout. Whether there are any affects how each gate's rate is split. Nil: none.
    private var slices: [TrafficSlice]?

    package init(
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

    package mutating func absorb(_ interval: Interval) {
        for index in evidence.indices {
            evidence[index].absorb(interval, missedRegressionRate: missedRegressionRate)
        }
    }

    /// Traffic begins: the delays of gates that need traffic start here.
    package mutating func begin(at now: Date) {
        for index in evidence.indices { evidence[index].begin(at: now) }
    }

    /// Passes on the answer to a gate's question.
    package mutating func take(_ answer: GateAnswer, gate: String, ordinal: Int, at now: Date) {
        guard let index = evidence.firstIndex(where: { $0.spec.name == gate }) else { return }
        evidence[index].take(answer, ordinal: ordinal, at: now)
    }

    /// Adds stable's traffic from before the evidence began, by which `slow` gates choose their bound at the start.
    package mutating func learn(stableHistory counts: SideCounts, source: String = MetricSourceName.proxy) {
        for index in evidence.indices where evidence[index].spec.counters == source {
            evidence[index].learn(stableHistory: counts)
        }
    }

    /// Applies a change of the gates during the rollout. Unchanged gates keep their evidence, added gates share the
    /// reserve, and removed gates go. A gate whose metric, bound or tolerance changed is a new gate. A removed gate's
    /// rate is not given back.
    package mutating func update(gates: [GateSpec], at now: Date? = nil) {
        let known = Dictionary(evidence.map { ($0.spec.name, $0) }, uniquingKeysWith: { first, _ in first })
        let kept = gates.map { known[$0.name]?.adopting($0) }
        let added = zip(gates, kept).count { $0.isComparing && $1 == nil }
        let share = added > 0 ? reserve / 2 / Double(added) : 0
        if added > 0 { reserve /= 2 }
        evidence = zip(gates, kept).map { spec, evidence in
            evidence ?? GateEvidence(spec: spec, alpha: share, startedAt: now, slices: slices ?? [])
        }
    }

    /// The verdict of the gates that act: fail if any fails; pass if all pass, or if there are none; otherwise
    /// insufficient.
    package var verdict: Verdict {
        let acting = evidence.filter { !$0.spec.warnOnly }
        if acting.contains(where: { $0.verdict == .fail }) { return .fail }
        return acting.allSatisfy { $0.verdict == .pass } ? .pass : .insufficient
    }

    /// The bounds in seconds over which slices of the traffic must be counted from now on.
    package var slowEdgesOfSlices: [Double] { Array(Set(evidence.compactMap(\.slowEdgeOfSlices))).sorted() }

    package func evidence(of gate: String) -> GateEvidence? { evidence.first { $0.spec.name == gate } }
}
