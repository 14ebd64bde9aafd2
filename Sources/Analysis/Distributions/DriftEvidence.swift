import ModelManifests
import RealModule

/// How far the candidate's values since the start are from a profile, or from stable's.
///
/// Fails only if the distance's lower bound is above `max`, passes only if the upper one is not: few samples have wide
/// bounds, and decide nothing. Carries no promise over looks.
///
/// Stable's shares are those of its blocks, each weighted by how many the candidate had in it: weights that change while
/// the inputs do are not taken for drift.
struct DriftEvidence: Codable, Hashable, Sendable {
    /// A reference of fewer values decides nothing.
    static let referenceFloor = 50.0

    private var blocks = WaitingBlocks()
    private var candidate: [Int] = []
    /// Of stable: `Σ n_c x_s / n_s` over blocks.
    private var weighted: [Double] = []
    /// Of stable: `Σ n_c² / n_s`. Over it, n_c² says how many values the weighted sum is worth.
    private var noise = 0.0
    private var problem: String?

    init(_ gate: DriftGate) {}

    /// The candidate's values.
    var samples: Int { candidate.reduce(0, +) }

    mutating func absorb(_ interval: Interval, _ gate: DriftGate) {
        let block: BucketBlock?
        do {
            block = try interval.observed(gate.observe, in: gate.buckets)
            if let block { try check(gate, bucketCount: block.candidate.count) }
        } catch {
            problem = error.text
            return
        }
        guard let block else { return }
        problem = nil
        if block.candidate.count != candidate.count { sort(into: block.candidate.count) }
        switch gate.reference {
        case .profile: add(block)
        case .stable:
            for block in blocks.take(block) {
                add(block)
                addStable(of: block)
            }
        }
    }

    private func check(_ gate: DriftGate, bucketCount: Int) throws(ObservationProblem) {
        guard case .profile(let profile) = gate.reference, profile.counts.count != bucketCount else { return }
        throw ObservationProblem(
            text: "the profile has other buckets than \(gate.observe) (\(profile.counts.count) and \(bucketCount)): "
                + "write it anew with 'mlctl profile'")
    }

    private mutating func sort(into count: Int) {
        blocks = WaitingBlocks()
        candidate = Array(repeating: 0, count: count)
        weighted = []
        noise = 0
    }

    private mutating func add(_ block: BucketBlock) {
        candidate = zip(candidate, block.candidate).map { $0 + $1 }
    }

    /// - Parameter block: has values of both sides.
    private mutating func addStable(of block: BucketBlock) {
        let (stableCount, candidateCount) = (Double(block.stableCount), Double(block.candidateCount))
        if weighted.isEmpty { weighted = block.stable.map { _ in 0 } }
        weighted = zip(weighted, block.stable).map { sum, count in
            // Hundredths of a value are enough, and short to write.
            ((sum + Double(count) * candidateCount / stableCount) * 100).rounded() / 100
        }
        noise += candidateCount * candidateCount / stableCount
    }

    private func reference(_ gate: DriftGate) -> BucketSample {
        if case .profile(let profile) = gate.reference {
            let counts = profile.counts.map(Double.init)
            return BucketSample(counts: counts, size: counts.reduce(0, +))
        }
        let values = Double(samples)
        return BucketSample(counts: weighted, size: noise > 0 ? values * values / noise : 0)
    }

    /// Nil where there is too little to say anything.
    private func bounds(_ gate: DriftGate) -> DistanceBounds? {
        let reference = reference(gate)
        guard problem == nil, samples > 0, reference.size >= Self.referenceFloor else { return nil }
        let sample = BucketSample(counts: candidate.map(Double.init), size: Double(samples))
        return DistanceBounds(gate.distance, candidate: sample, reference: reference)
    }

    func verdict(_ gate: DriftGate) -> Verdict {
        guard samples >= gate.minSamples, let bounds = bounds(gate) else { return .insufficient }
        if bounds.lower > gate.max { return .fail }
        return bounds.upper <= gate.max ? .pass : .insufficient
    }

    func reason(_ gate: DriftGate) -> String {
        if let problem { return problem }
        guard samples > 0 else { return "no values of the candidate yet" }
        let reference = reference(gate)
        guard let bounds = bounds(gate) else {
            return "\(EvidenceText.count(Int(reference.size), "value")) of \(gate.reference.noun), and fewer than "
                + "\(Int(Self.referenceFloor)) decide nothing"
        }
        let name = gate.distance == .psi ? "population stability index" : "Jensen–Shannon distance"
        var text = "\(name) \(EvidenceText.number(bounds.estimate))"
        text += " (\(EvidenceText.number(bounds.lower)) to \(EvidenceText.number(bounds.upper)))"
        text += " of \(EvidenceText.count(samples, "value")), at most \(EvidenceText.number(gate.max)) wanted"
        if let moved = moved(gate, reference) { text += "; \(moved)" }
        if samples < gate.minSamples { text += "; \(EvidenceText.count(gate.minSamples - samples, "sample")) to go" }
        return text
    }

    /// The bucket that differs most.
    private func moved(_ gate: DriftGate, _ reference: BucketSample) -> String? {
        let shares = BucketSample(counts: candidate.map(Double.init), size: Double(samples)).shares
        let pairs = zip(shares, reference.shares).enumerated()
        guard let (index, pair) = pairs.max(by: { abs($0.1.0 - $0.1.1) < abs($1.1.0 - $1.1.1) }) else { return nil }
        let label = BucketLabel.text(index, of: gate.observe, in: gate.knownBuckets, count: shares.count)
        return "\(label): \(EvidenceText.percent(pair.1)) of \(gate.reference.noun), "
            + "\(EvidenceText.percent(pair.0)) of the candidate"
    }
}

extension DriftGate {
    fileprivate var knownBuckets: PredictionBuckets? {
        if case .profile(let profile) = reference { profile.buckets } else { buckets }
    }
}

extension DriftGate.Reference {
    fileprivate var noun: String { self == .stable ? "stable" : "the profile" }
}
