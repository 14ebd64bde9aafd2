import Foundation
import ModelManifests

/// What one gate has learnt from readings, kept across restarts: sufficient statistics, under 2 KiB as JSON.
///
/// # Guarantees
/// - A comparing gate fails a candidate that is within tolerance with probability at most `alpha`, at whatever moments
///   and however often it is looked at, whatever the weights and base rates do between looks.
/// - It passes a candidate that is beyond the pass margin with probability at most `missedRegressionRate`.
/// - A failure stays. A pass stays unless the gate fails later; its evidence goes on.
/// - A threshold carries no such promise: it fails after more than `failureLimit` failed measurements, and passes while
///   the last one is in bounds.
public struct GateEvidence: Codable, Hashable, Sendable {
    private enum State: Codable, Hashable, Sendable {
        case compare(CompareEvidence)
        case threshold(ThresholdEvidence)
    }

    public private(set) var spec: GateSpec
    /// The gate's own share of the false rollback rate. Not used by thresholds.
    public let alpha: Double
    public private(set) var verdict: Verdict = .insufficient
    /// Requests of the candidate that ended since the evidence began.
    public private(set) var samples = 0
    /// In force at the last look.
    private var missedRegressionRate: Double?
    private var state: State
    private var startedAt: Date?

    /// - Parameter startedAt: from when a threshold's `initialDelay` counts; nil: from the first interval.
    public init(spec: GateSpec, alpha: Double, startedAt: Date? = nil) {
        self.spec = spec
        self.alpha = alpha
        self.startedAt = startedAt
        state =
            switch spec.kind {
            case .compare(let gate): .compare(CompareEvidence(gate))
            case .threshold(let gate): .threshold(ThresholdEvidence(gate))
            }
    }

    /// Takes what both sides added since the last look. After a failure nothing changes any more.
    public mutating func absorb(_ interval: Interval, missedRegressionRate: Double) {
        guard verdict != .fail else { return }
        let began = startedAt ?? interval.at
        startedAt = began
        self.missedRegressionRate = missedRegressionRate
        if interval.candidate.impossibility == nil { samples += interval.candidate.requests }
        switch (state, spec.kind) {
        case (.compare(var evidence), .compare(let gate)):
            evidence.absorb(interval, metric: gate.metric)
            let found = evidence.verdict(
                alpha: alpha, missedRegressionRate: missedRegressionRate, samples: samples,
                minSamples: gate.minSamples)
            if found != .insufficient { verdict = found }
            state = .compare(evidence)
        case (.threshold(var evidence), .threshold(let gate)):
            evidence.absorb(interval.candidate, atSeconds: interval.at.timeIntervalSince(began), gate: gate)
            verdict = evidence.verdict(gate)
            state = .threshold(evidence)
        default: break
        }
    }

    /// Stable's traffic from before the evidence began: lets a `slow` gate freeze its bound at the start.
    public mutating func learn(stableHistory counts: SideCounts) {
        guard case .compare(var evidence) = state else { return }
        evidence.learn(stableHistory: counts)
        state = .compare(evidence)
    }

    /// Why the verdict is what it is, in numbers, for people.
    public var reason: String {
        guard let missedRegressionRate else { return "no data yet" }
        switch (state, spec.kind) {
        case (.compare(let evidence), .compare(let gate)):
            return evidence.reason(
                gate, verdict: verdict, alpha: alpha, missedRegressionRate: missedRegressionRate, samples: samples)
        case (.threshold(let evidence), .threshold(let gate)): return evidence.reason(gate)
        default: return "no data yet"
        }
    }

    public var isComparing: Bool {
        if case .compare = spec.kind { true } else { false }
    }

    /// The same gate with a spec that changed in mid-rollout, or nil where the evidence is not of the new one: another
    /// metric, bound or tolerance. Another pass margin starts the pass over and keeps what was learnt against the
    /// tolerance.
    func adopting(_ changed: GateSpec) -> GateEvidence? {
        guard spec != changed else { return self }
        guard case .compare(var evidence) = state, case .compare(let old) = spec.kind,
            case .compare(let new) = changed.kind, old.metric == new.metric, old.slowerThan == new.slowerThan,
            old.maxRelativeIncrease == new.maxRelativeIncrease, old.maxAbsoluteIncrease == new.maxAbsoluteIncrease
        else { return nil }
        var adopted = self
        adopted.spec = changed
        if old.passMargin != new.passMargin { evidence.setMargin(new.passMargin) }
        if verdict == .pass { adopted.verdict = .insufficient }
        adopted.state = .compare(evidence)
        return adopted
    }
}
