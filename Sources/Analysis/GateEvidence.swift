import Foundation
import ModelManifests

/// What one gate has learnt, kept across restarts: sufficient statistics, under 2 KiB as JSON, and under 2 KiB more for each
/// value of its slices: with the 24 of a rollout and the rest of each, under 58 KiB.
///
/// # Guarantees
/// - A comparing gate fails a candidate that is within tolerance with probability at most `alpha`, at whatever moments
///   and however often it is looked at, whatever the weights and base rates do between looks.
/// - So it does with slices of the traffic, where the candidate is within tolerance on the whole and in each of them.
/// - It passes a candidate that is beyond the pass margin with probability at most `missedRegressionRate`.
/// - A failure stays. A pass of a comparing gate, a check or a contract stays unless the gate fails later; its evidence
///   goes on.
/// - Thresholds, drift and costs carry no such promise: they say what the last measurements say, and fail beyond their
///   limits.
public struct GateEvidence: Codable, Hashable, Sendable {
    public private(set) var spec: GateSpec
    /// The gate's own share of the false rollback rate. Used by comparing gates only.
    public let alpha: Double
    public private(set) var verdict: Verdict = .insufficient
    /// The candidate's units that it was judged on: requests, users, predictions, pairs, outcomes or measurements.
    public private(set) var samples = 0
    /// In force at the last look.
    private var missedRegressionRate: Double?
    private var state: GateReasoning
    private var startedAt: Date?
    /// Of gates that pass on evidence. For people alone: it is not in the record, and no part of what evidence is equal by.
    private var pace = LearningPace()

    private enum CodingKeys: CodingKey {
        case spec, alpha, verdict, samples, missedRegressionRate, state, startedAt
    }

    /// - Parameters:
    ///   - startedAt: from when a threshold's `initialDelay` counts; nil: from the first interval.
    ///   - slices: of the rollout. A gate that goes by requests is judged on them too, under the same `alpha`.
    public init(spec: GateSpec, alpha: Double, startedAt: Date? = nil, slices: [TrafficSlice] = []) {
        self.spec = spec
        self.alpha = alpha
        self.startedAt = startedAt
        state = GateReasoning(spec.kind, slices: spec.isJudgedOnSlices ? slices : [])
    }

    mutating func begin(at now: Date) {
        if spec.needsTraffic { startedAt = now }
    }

    /// Takes what both sides added since the last look, if it is of the gate's own source. After a failure nothing
    /// changes any more.
    public mutating func absorb(_ interval: Interval, missedRegressionRate: Double) {
        guard verdict != .fail, interval.source == spec.counters else { return }
        let began = startedAt ?? interval.at
        startedAt = began
        self.missedRegressionRate = missedRegressionRate
        // Only a threshold learns from time that goes by.
        if interval.isEmpty, !spec.isThreshold { return }
        state.absorb(interval, secondsSinceStart: interval.at.timeIntervalSince(began), alpha: alpha)
        conclude(missedRegressionRate)
        guard let progress = state.passProgress else { return }
        pace.note(since: began, at: interval.at, samples: samples, logEvidence: progress.logEvidence)
    }

    /// What it still needs to pass, such as "about 700 more requests, 4 minutes at this rate"; nil where it has a verdict,
    /// or passes on something else than samples.
    public func missing(at now: Date) -> String? {
        guard verdict == .insufficient, samples > 0, let missedRegressionRate, pace.isKnown,
            let progress = state.passProgress
        else { return nil }
        return pace.estimate(progress, missedRegressionRate: missedRegressionRate, at: now).text
    }

    /// Takes the answer to its last question. One that comes twice, or to a question that was not asked, is passed over.
    public mutating func take(_ answer: GateAnswer, ordinal: Int, at now: Date) {
        guard verdict != .fail else { return }
        state.take(answer, ordinal: ordinal, secondsSinceStart: now.timeIntervalSince(startedAt ?? now))
        conclude(missedRegressionRate ?? 1)
    }

    /// The number of the question that it has to ask now; nil while it has none.
    public func questionDue(at now: Date) -> Int? {
        guard verdict != .fail else { return nil }
        return state.questionDue(secondsSinceStart: now.timeIntervalSince(startedAt ?? now))
    }

    private mutating func conclude(_ missedRegressionRate: Double) {
        samples = state.samples
        let found = state.verdict(alpha: alpha, missedRegressionRate: missedRegressionRate)
        if found != .insufficient || !state.keepsPass { verdict = found }
    }

    /// Stable's traffic from before the evidence began: lets latency gates freeze their bounds at the start.
    public mutating func learn(stableHistory counts: SideCounts) { state.learn(stableHistory: counts) }

    /// The bound in seconds over which slices are to be counted; nil where none is needed, or chosen yet.
    var slowEdgeOfSlices: Double? { state.slowEdgeOfSlices }

    /// It is judged on slices of the traffic too.
    var judgesSlices: Bool { state.judgesSlices }

    /// Why the verdict is what it is, in numbers, for people.
    public var reason: String {
        state.reason(verdict: verdict, alpha: alpha, missedRegressionRate: missedRegressionRate)
    }

    /// The same gate with a spec that changed in mid-rollout, or nil where the evidence is not of the new one: another
    /// metric, bound or tolerance. Another pass margin starts the pass over and keeps what was learnt against the
    /// tolerance. Whether it acts changes nothing of what it has learnt.
    func adopting(_ changed: GateSpec) -> GateEvidence? {
        var adopted = self
        adopted.spec = changed
        guard spec.kind != changed.kind else { return adopted }
        guard let state = state.adopting(changed.kind) else { return nil }
        adopted.state = state
        if verdict == .pass { adopted.verdict = .insufficient }
        adopted.pace = LearningPace()
        return adopted
    }
}

/// An answer to a gate's question.
public enum GateAnswer: Hashable, Codable, Sendable {
    case measured(Measured)
    case checked(CheckOutcome)
    case contract(ContractAnswer)
}

extension GateSpec {
    fileprivate var isThreshold: Bool { if case .threshold = kind { true } else { false } }
}
