import Foundation
import ModelManifests

/// One gate over one stream, with its evidence and its own baselines for the counters that it needs.
///
/// Both sides advance together or not at all. An interval with a missing side is counted with the next, for both sides.
/// An interval in which a side's counters fell is dropped, for both sides.
struct ReplayTrack: Sendable {
    private var evidence: GateEvidence
    private var stable = CounterTrack(from: SideCounts())
    private var candidate = CounterTrack(from: SideCounts())
    private var passed: ReplayVerdict?
    private var failed: ReplayVerdict?
    private var problem: String?
    private let missedRegressionRate: Double
    private let need: ReplayRequirement
    /// The buckets of an observation whose buckets are named.
    private var buckets: PredictionBuckets?

    init(evidence: GateEvidence, missedRegressionRate: Double) {
        self.evidence = evidence
        need = ReplayRequirement(evidence.spec.kind)
        buckets = evidence.spec.namedBuckets
        self.missedRegressionRate = missedRegressionRate
    }

    mutating func absorb(_ line: ReplayLine) {
        guard failed == nil, need != .answers else { return }
        learnBuckets(line)
        let stableSide = evidence.spec.needsNoStable ? SideCounts() : reading(line.stable, "stable")
        guard let stableReading = stableSide,
            let candidateReading = reading(line.candidate, "candidate")
        else { return }
        var (stableNext, candidateNext) = (stable, candidate)
        let steps = (stableNext.advance(to: stableReading), candidateNext.advance(to: candidateReading))
        switch steps {
        case (.increment(let stableAdded), .increment(let candidateAdded)):
            problem = nil
            evidence.absorb(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: line.t),
                    source: evidence.spec.counters ?? MetricSourceName.proxy, stable: stableAdded,
                    candidate: candidateAdded),
                missedRegressionRate: missedRegressionRate)
        case (.ignored(let reason), _): return keepMisfitCounts(reason, stableNext, candidateNext, steps)
        case (_, .ignored(let reason)): return keepMisfitCounts(reason, stableNext, candidateNext, steps)
        case (.rebased(let reason), _), (_, .rebased(let reason)): problem = reason
        }
        (stable, candidate) = (stableNext, candidateNext)
        note(line)
    }

    /// The ignored side remembers how often it was ignored. The other side stays where it was.
    private mutating func keepMisfitCounts(
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
        if need == .answers {
            found.reason = "not judged: this gate asks a source for each measurement, and a recording has only counters"
        }
        if let problem { found.reason += "; last line left out: \(problem)" }
        return found
    }

    private func verdict(_ stream: String, at time: Double) -> ReplayVerdict {
        ReplayVerdict(
            stream: stream, gate: evidence.spec.name, verdict: evidence.verdict, t: time, samples: evidence.samples,
            reason: evidence.reason)
    }

    /// The counters that the gate needs. Nil, with a problem, if the recording does not have all of them.
    private mutating func reading(_ side: ReplaySide?, _ name: String) -> SideCounts? {
        guard let side else {
            problem = "no \"\(name)\""
            return nil
        }
        do {
            return try need.counts(of: side, buckets: buckets)
        } catch {
            problem = error.text(of: name, unreadable: side.unreadable)
            return nil
        }
    }

    /// The first line that names its buckets defines them for the whole stream and both sides, unless the manifest
    /// defines them.
    private mutating func learnBuckets(_ line: ReplayLine) {
        guard case .observed(let name) = need, buckets == nil else { return }
        let labels = [line.stable, line.candidate].flatMap { side -> [String] in
            guard case .labelled(let counts) = side?.observed[name] else { return [] }
            return Array(counts.keys)
        }
        if !labels.isEmpty { buckets = ReplayBuckets.buckets(of: labels) }
    }
}

extension GateSpec {
    /// Whether only the candidate is judged.
    fileprivate var needsNoStable: Bool {
        switch kind {
        case .agreement: true
        case .drift(let gate): gate.reference != .stable
        case .compare, .cost, .threshold, .distribution, .check, .contract, .goal: false
        }
    }

    /// The buckets of the manifest or a profile.
    fileprivate var namedBuckets: PredictionBuckets? {
        switch kind {
        case .distribution(let gate): gate.buckets
        case .drift(let gate):
            if case .profile(let profile) = gate.reference { profile.buckets } else { gate.buckets }
        default: nil
        }
    }
}
