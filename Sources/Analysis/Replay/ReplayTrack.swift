import Foundation
import ModelManifests

/// One gate over one stream: baselines of its own for the counters that it needs, and its evidence.
///
/// Both sides advance together or not at all. An interval with a side missing is counted with the next, on both; one in
/// which a side's counters fell is dropped, on both.
struct ReplayTrack: Sendable {
    private var evidence: GateEvidence
    private var stable = CounterTrack(from: SideCounts())
    private var candidate = CounterTrack(from: SideCounts())
    private var passed: ReplayVerdict?
    private var failed: ReplayVerdict?
    private var problem: String?
    private let missedRegressionRate: Double

    init(evidence: GateEvidence, missedRegressionRate: Double) {
        self.evidence = evidence
        self.missedRegressionRate = missedRegressionRate
    }

    mutating func absorb(_ line: ReplayLine) {
        guard failed == nil else { return }
        guard let stableReading = reading(line.stable, "stable"),
            let candidateReading = reading(line.candidate, "candidate")
        else { return }
        var (stableNext, candidateNext) = (stable, candidate)
        let steps = (stableNext.advance(to: stableReading), candidateNext.advance(to: candidateReading))
        switch steps {
        case (.increment(let stableAdded), .increment(let candidateAdded)):
            problem = nil
            evidence.absorb(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: line.t), stable: stableAdded, candidate: candidateAdded),
                missedRegressionRate: missedRegressionRate)
        case (.ignored(let reason), _): return keepMisfits(reason, stableNext, candidateNext, steps)
        case (_, .ignored(let reason)): return keepMisfits(reason, stableNext, candidateNext, steps)
        case (.rebased(let reason), _), (_, .rebased(let reason)): problem = reason
        }
        (stable, candidate) = (stableNext, candidateNext)
        note(line)
    }

    /// The side that was ignored remembers how often; the other stays where it was.
    private mutating func keepMisfits(
        _ reason: String, _ stableNext: CounterTrack, _ candidateNext: CounterTrack,
        _ steps: (CounterTrack.Step, CounterTrack.Step)
    ) {
        problem = reason
        if case .ignored = steps.0 { stable = stableNext }
        if case .ignored = steps.1 { candidate = candidateNext }
    }

    private mutating func note(_ line: ReplayLine) {
        switch evidence.verdict {
        case .fail: failed = verdict(line.stream, at: line.t)
        case .pass: if passed == nil { passed = verdict(line.stream, at: line.t) }
        case .insufficient: break
        }
    }

    /// - Parameter last: the last time of the stream.
    func result(stream: String, last: Double) -> ReplayVerdict {
        if let found = failed ?? passed { return found }
        var found = verdict(stream, at: last)
        found.verdict = .insufficient
        if let problem { found.reason += "; last line left out: \(problem)" }
        return found
    }

    private func verdict(_ stream: String, at time: Double) -> ReplayVerdict {
        ReplayVerdict(
            stream: stream, gate: evidence.spec.name, verdict: evidence.verdict, t: time, samples: evidence.samples,
            reason: evidence.reason)
    }

    /// The counters that the gate needs; nil, and a reason, where the recording has not all of them.
    private mutating func reading(_ side: ReplaySide?, _ name: String) -> SideCounts? {
        func missing(_ what: String) -> SideCounts? {
            problem = "the \(name) side has no \"\(what)\""
            return nil
        }
        guard let side else {
            problem = "no \"\(name)\""
            return nil
        }
        guard let requests = side.requests ?? side.latency?.buckets.last else { return missing("requests") }
        var counts = SideCounts(requests: requests)
        switch evidence.spec.need {
        case .errors:
            guard let errors = side.errors else { return missing("errors") }
            counts.errors = errors
        case .rejected:
            guard let rejected = side.rejected else { return missing("rejected") }
            counts.rejected = rejected
        case .latency:
            guard let latency = side.latency else { return missing("latency") }
            (counts.latency, counts.bounds) = (latency.buckets, latency.bounds)
        case .requests: break
        }
        return counts
    }
}

extension GateSpec {
    fileprivate enum Need { case requests, errors, rejected, latency }

    fileprivate var need: Need {
        switch kind {
        case .compare(let gate):
            switch gate.metric {
            case .errors: .errors
            case .rejected: .rejected
            case .slow, .latencyP50, .latencyP95, .latencyP99: .latency
            case nil: .requests
            }
        case .threshold(let gate):
            switch gate.measure {
            case .metric(.errors): .errors
            case .metric(.rejected): .rejected
            case .metric(.latencyP50), .metric(.latencyP95), .metric(.latencyP99): .latency
            case .metric(.requestRate), .query: .requests
            }
        case .distribution, .drift, .agreement, .goal, .check, .contract: .requests
        }
    }
}
