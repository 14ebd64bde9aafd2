import ModelManifests
import RealModule

/// The distance of the candidate's values from a profile or from stable's values. It is measured for all values since
/// the start, and for the latest alone, so that a long healthy past does not hide a candidate that drifts later.
///
/// It fails if the lower bound of either distance is above `max`. It passes only if the upper bound for all values is
/// not. Few samples have wide bounds and decide nothing. There is no guarantee over repeated looks.
struct DriftEvidence: Codable, Hashable, Sendable {
    /// With fewer values in the reference, nothing is decided.
    static let referenceFloor = 50.0
    /// The number of latest values of the candidate, or twice the gate's minimum. The older half of them counts half.
    static let latest = 500

    private var blocks = BucketBlockQueue()
    private var all = DriftSample()
    /// Nil in records of older controllers.
    private var latest: DriftSample?
    private var problem: String?

    init(_ gate: DriftGate) {}

    /// The sample of all values is stored at the same place as in older records.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        blocks = try fields.decode(BucketBlockQueue.self, forKey: .blocks)
        all = try DriftSample(from: decoder)
        latest = try fields.decodeIfPresent(DriftSample.self, forKey: .latest)
        problem = try fields.decodeIfPresent(String.self, forKey: .problem)
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(blocks, forKey: .blocks)
        try all.encode(to: encoder)
        try fields.encodeIfPresent(latest, forKey: .latest)
        try fields.encodeIfPresent(problem, forKey: .problem)
    }

    private enum CodingKeys: String, CodingKey { case blocks, latest, problem }

    /// The number of the candidate's values.
    var samples: Int { all.size }

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
        if block.candidate.count != all.candidate.count {
            blocks = BucketBlockQueue()
            all = DriftSample(bucketCount: block.candidate.count)
            latest = nil
        }
        var latest = latest ?? DriftSample(bucketCount: block.candidate.count)
        switch gate.reference {
        case .profile:
            all.add(block)
            latest.add(block)
        case .stable:
            for block in blocks.take(block) {
                all.addBoth(block)
                latest.addBoth(block)
            }
        }
        latest.forget(beyond: max(Self.latest, 2 * gate.minSamples))
        self.latest = latest
    }

    private func check(_ gate: DriftGate, bucketCount: Int) throws(ObservationProblem) {
        guard case .profile(let profile) = gate.reference, profile.counts.count != bucketCount else { return }
        throw ObservationProblem(
            text: "the profile has other buckets than \(gate.observe) (\(profile.counts.count) and \(bucketCount)): "
                + "create it again with 'mlctl profile'")
    }

    private func reference(_ gate: DriftGate, _ sample: DriftSample) -> BucketSample {
        guard case .profile(let profile) = gate.reference else { return sample.stable }
        let counts = profile.counts.map(Double.init)
        return BucketSample(counts: counts, size: counts.reduce(0, +))
    }

    /// Nil if there is too little data.
    private func bounds(_ gate: DriftGate, _ sample: DriftSample) -> DistanceBounds? {
        let reference = reference(gate, sample)
        guard problem == nil, sample.size >= max(1, gate.minSamples), reference.size >= Self.referenceFloor else {
            return nil
        }
        return DistanceBounds(gate.distance, candidate: sample.ofCandidate, reference: reference)
    }

    /// The sample that the verdict is based on: the latest values if only they fail.
    private func decisiveSample(_ gate: DriftGate) -> DriftSample {
        guard let latest, let ofLatest = bounds(gate, latest), ofLatest.lower > gate.max else { return all }
        return bounds(gate, all).map { $0.lower > gate.max } == true ? all : latest
    }

    func verdict(_ gate: DriftGate) -> Verdict {
        guard let bounds = bounds(gate, decisiveSample(gate)) else { return .insufficient }
        if bounds.lower > gate.max { return .fail }
        return bounds.upper <= gate.max ? .pass : .insufficient
    }

    func reason(_ gate: DriftGate) -> String {
        if let problem { return problem }
        guard samples > 0 else { return "no values of the candidate yet" }
        let sample = decisiveSample(gate)
        let reference = reference(gate, sample)
        guard reference.size >= Self.referenceFloor else {
            return "\(EvidenceText.count(Int(reference.size), "value")) of \(gate.reference.noun), but a verdict needs "
                + "at least \(Int(Self.referenceFloor))"
        }
        let bounds = DistanceBounds(gate.distance, candidate: sample.ofCandidate, reference: reference)
        let name = gate.distance == .psi ? "population stability index" : "Jensen–Shannon distance"
        var text = "\(name) \(EvidenceText.number(bounds.estimate))"
        text += " (\(EvidenceText.number(bounds.lower)) to \(EvidenceText.number(bounds.upper)))"
        let values =
            sample == all
            ? EvidenceText.count(samples, "value")
            : "the latest \(EvidenceText.count(sample.size)) of \(EvidenceText.count(samples, "value"))"
        text += " of \(values), at most \(EvidenceText.number(gate.max)) wanted"
        text += "; \(moved(gate, sample.ofCandidate.shares, reference.shares))"
        if samples < gate.minSamples { text += "; \(EvidenceText.count(gate.minSamples - samples, "sample")) to go" }
        return text
    }

    /// The bucket that differs most.
    private func moved(_ gate: DriftGate, _ candidate: [Double], _ reference: [Double]) -> String {
        let pairs = zip(candidate, reference).enumerated()
        guard let (index, pair) = pairs.max(by: { abs($0.1.0 - $0.1.1) < abs($1.1.0 - $1.1.1) }) else { return "" }
        let label = BucketLabel.text(index, of: gate.observe, in: gate.knownBuckets, count: candidate.count)
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
