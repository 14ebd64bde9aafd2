import Foundation
import ModelManifests

/// The evidence of one gate, kept across restarts. It consists of sufficient statistics: under 2 KiB as JSON, plus
/// under 2 KiB for each value of its slices. With the 24 values of a rollout and the rest of each, it is under 58 KiB.
///
/// # Guarantees
/// - A comparing gate fails a candidate that is within tolerance with probability at most `alpha`. This holds for any
///   times and number of looks, and for any weights and base rates between them.
/// - The same holds with slices of the traffic, if the candidate is within tolerance on the whole and in each slice.
/// - It passes a candidate that is beyond the pass margin with probability at most `missedRegressionRate`.
/// - A failure is final. A pass of a comparing gate, a check or a contract stays unless the gate fails later; its
///   evidence continues to grow.
/// - Thresholds, drift and costs have no such guarantee: they report the last measurements, and fail beyond their
///   limits.
package struct GateEvidence: Codable, Hashable, Sendable {
    package private(set) var spec: GateSpec
    /// The gate's own share of the false rollback rate. Only comparing gates use it.
    package let alpha: Double
    package private(set) var verdict: Verdict = .insufficient
    /// The number of the candidate's units that were judged: requests, users, predictions, pairs, outcomes or
    /// measurements.
    package private(set) var samples = 0
    /// The rate that was in force at the last look.
    private var missedRegressionRate: Double?
    private var state: GateState
    private var startedAt: Date?
    /// For display, and only for gates that pass on evidence. It is not in the record, and two gates are equal without
    /// it.
    private var pace = EvidencePace()

    private enum CodingKeys: CodingKey {
        case spec, alpha, verdict, samples, missedRegressionRate, state, startedAt
    }

    /// - Parameters:
    ///   - startedAt: when a threshold's `initialDelay` starts. Nil: at the first interval.
    ///   - slices: the rollout's slices. A gate that counts requests is judged on them too, under the same `alpha`.
    package init(spec: GateSpec, alpha: Double, startedAt: Date? = nil, slices: [TrafficSlice] = []) {
        self.spec = spec
        self.alpha = alpha
        self.startedAt = startedAt
        state = GateState(spec.kind, slices: spec.isJudgedOnSlices ? slices : [])
    }

    mutating func begin(at now: Date) {
        if spec.needsTraffic { startedAt = now }
    }

    /// Adds what both sides counted since the last look, if it comes from the gate's own source. After a failure
    /// nothing changes any more.
    package mutating func absorb(_ interval: Interval, missedRegressionRate: Double) {
        guard verdict != .fail, interval.source == spec.counters else { return }
        let began = startedAt ?? interval.at
        startedAt = began
        self.missedRegressionRate = missedRegressionRate
        // Only a threshold learns from an interval without requests.
        if interval.isEmpty, !spec.isThreshold { return }
        state.absorb(interval, secondsSinceStart: interval.at.timeIntervalSince(began), alpha: alpha)
        conclude(missedRegressionRate)
        guard let progress = state.passProgress else { return }
        pace.note(since: began, at: interval.at, samples: samples, logEvidence: progress.logEvidence)
    }

    /// What the gate still needs to pass, for example "about 700 more requests, 4 minutes at this rate". Nil if it has
    /// a verdict, or if it does not pass by samples.
    package func missing(at now: Date) -> String? {
        guard verdict == .insufficient, samples > 0, let missedRegressionRate, pace.isKnown,
            let progress = state.passProgress
        else { return nil }
        return pace.estimate(progress, missedRegressionRate: missedRegressionRate, at: now).text
    }

    /// Takes the answer to the gate's last question. A repeated answer, or one to a question that was not asked, is
    /// ignored.
    package mutating func take(_ answer: GateAnswer, ordinal: Int, at now: Date) {
        guard verdict != .fail else { return }
        state.take(answer, ordinal: ordinal, secondsSinceStart: now.timeIntervalSince(startedAt ?? now))
        conclude(missedRegressionRate ?? 1)
    }

    /// The number of the question that the gate has to ask now. Nil if it has none.
    package func questionDue(at now: Date) -> Int? {
        guard verdict != .fail else { return nil }
        return state.questionDue(secondsSinceStart: now.timeIntervalSince(startedAt ?? now))
    }

    private mutating func conclude(_ missedRegressionRate: Double) {
        samples = state.samples
        let found = state.verdict(alpha: alpha, missedRegressionRate: missedRegressionRate)
        if found != .insufficient || !state.keepsPass { verdict = found }
    }

    /// Adds stable's traffic from before the evidence began, by which latency gates choose their bounds at the start.
    package mutating func learn(stableHistory counts: SideCounts) { state.learn(stableHistory: counts) }

    /// The bound in seconds over which slices must be counted. Nil if none is needed, or none is chosen yet.
    var slowEdgeOfSlices: Double? { state.slowEdgeOfSlices }

    /// Whether the gate is also judged on slices of the traffic.
    var judgesSlices: Bool { state.judgesSlices }

    /// The reason for the verdict, with numbers, for people.
    package var reason: String {
        state.reason(verdict: verdict, alpha: alpha, missedRegressionRate: missedRegressionRate)
    }

    /// The numbers behind the verdict. Nil if the gate does not decide by odds, or has not seen data.
    package var figures: GateFigures? {
        guard let missedRegressionRate, samples > 0 else { return nil }
        let rates = EvidenceRates(alpha: alpha, missedRegressionRate: missedRegressionRate)
        return state.figures?.figures(of: spec.name, samples: samples, rates)
    }

    /// The same gate with a spec that changed during the rollout. Nil if its evidence does not apply to the new spec:
    /// another metric, bound or tolerance. A changed pass margin restarts the evidence for a pass and keeps the
    /// evidence against the tolerance. `warnOnly` does not affect the evidence.
    func adopting(_ changed: GateSpec) -> GateEvidence? {
        var adopted = self
        adopted.spec = changed
        guard spec.kind != changed.kind else { return adopted }
        guard let state = state.adopting(changed.kind) else { return nil }
        adopted.state = state
        if verdict == .pass { adopted.verdict = .insufficient }
        adopted.pace = EvidencePace()
        return adopted
    }
}

/// An answer to a gate's question.
package enum GateAnswer: Hashable, Codable, Sendable {
    case measured(Measured)
    case checked(CheckOutcome)
    case contract(ContractAnswer)
}

extension GateSpec {
    fileprivate var isThreshold: Bool { if case .threshold = kind { true } else { false } }
}
