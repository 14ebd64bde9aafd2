import ModelManifests
import RealModule

/// Tests whether the predictions of candidate and stable differ: more than `maxShift` of them have moved (fail), or no
/// bucket differs by more than `passShift` (pass). Anytime-valid, block by block, never pooled over time.
struct DistributionEvidence: Codable, Hashable, Sendable {
    /// The number of the candidate's values.
    private(set) var samples = 0
    private var blocks = BucketBlockQueue()
    private var known = LearnedShares(bucketCount: 0)
    /// Nil before anything was learned, and in records of older controllers.
    private var recent: LearnedShares?
    private var shift = ShiftEvidence()
    private var stillness = NoShiftEvidence(bucketCount: 0)
    private var problem: String?

    init(_ gate: DistributionGate) {}

    mutating func absorb(_ interval: Interval, _ gate: DistributionGate) {
        let block: BucketBlock?
        do {
            block = try interval.observed(gate.observe, in: gate.buckets)
        } catch {
            problem = error.text
            return
        }
        guard let block else { return }
        problem = nil
        if block.stable.count != known.stable.count { sort(into: block.stable.count) }
        samples += block.candidateCount
        for block in blocks.take(block) { judge(block, gate) }
    }

    /// The buckets changed, so what was learned about the old ones is dropped. The evidence of a shift was valid and
    /// stays.
    private mutating func sort(into count: Int) {
        samples = 0
        blocks = BucketBlockQueue()
        known = LearnedShares(bucketCount: count)
        recent = nil
        stillness = NoShiftEvidence(bucketCount: count)
    }

    private mutating func judge(_ block: BucketBlock, _ gate: DistributionGate) {
        var lately = recent ?? LearnedShares(bucketCount: block.stable.count)
        if known.canJudge(block) {
            shift.absorb(block, known: known, recent: lately, against: ShiftNull(maxShift: gate.maxShift))
            stillness.absorb(block, known: known, passShift: gate.passShift)
        }
        known.learn(block)
        lately.learn(block, memory: LearnedShares.shortMemory)
        recent = lately
    }

    func verdict(_ gate: DistributionGate, alpha: Double, missedRegressionRate: Double) -> Verdict {
        if shift.logValue >= -.log(alpha) { return .fail }
        let excluded = stillness.peak >= -.log(missedRegressionRate)
        return excluded && samples >= gate.minSamples ? .pass : .insufficient
    }

    func passProgress(_ gate: DistributionGate) -> PassProgress? {
        problem == nil
            ? PassProgress(logEvidence: stillness.peak, minSamples: gate.minSamples, unit: "prediction") : nil
    }

    /// A changed margin restarts the evidence for a pass.
    mutating func restartPass() { stillness = NoShiftEvidence(bucketCount: known.stable.count) }

    func reason(_ gate: DistributionGate, verdict: Verdict, _ rates: EvidenceRates) -> String {
        if let problem { return problem }
        guard let shares = SharesDescription(known, blocks.waiting) else {
            return samples > 0 ? "no values of stable yet" : "no values of the candidate yet"
        }
        let within = "a shift within \(EvidenceText.points(gate.maxShift))"
        let beyond = "a bucket that differs by more than \(EvidenceText.points(gate.passShift))"
        let moved = EvidenceText.conclusion(within, shift.logValue)
        let still = EvidenceText.conclusion(beyond, stillness.peak)
        var text = "\(shares.described(gate.observe, gate.buckets)); "
        switch verdict {
        case .fail: text += moved
        case .pass: text += "\(still); any bucket could still differ by up to \(EvidenceText.points(gate.passShift))"
        case .insufficient:
            text += "undecided: \(still)"
            text += " (passes at \(EvidenceText.odds(-.log(rates.missedRegressionRate))))"
            text += ", \(moved)"
            text += " (fails at \(EvidenceText.odds(-.log(rates.alpha))))"
            if samples < gate.minSamples {
                text += "; \(EvidenceText.count(gate.minSamples - samples, "sample")) to go"
            }
        }
        return text
    }
}

/// The latest shares of both sides, for display.
struct SharesDescription {
    private let stable: [Double]
    private let candidate: [Double]

    /// Nil if a side has no values.
    init?(_ known: LearnedShares, _ waiting: BucketBlock?) {
        let block = BucketBlock(stable: known.stable, candidate: known.candidate)
        self.init(waiting.map { block + $0 } ?? block)
    }

    private init?(_ block: BucketBlock) {
        let (stableCount, candidateCount) = (Double(block.stableCount), Double(block.candidateCount))
        guard stableCount > 0, candidateCount > 0 else { return nil }
        stable = block.stable.map { Double($0) / stableCount }
        candidate = block.candidate.map { Double($0) / candidateCount }
    }

    private static let shownLimit = 3
    private static let leastShown = 0.001

    /// "score ≤ 0.1: 62 % of stable, 41 % of the candidate; the shift is about 21 points"
    func described(_ name: String, _ buckets: PredictionBuckets?) -> String {
        let moves = zip(stable, candidate).map { $1 - $0 }
        let shift = moves.reduce(0) { $0 + abs($1) } / 2
        let largest = moves.indices.sorted { (abs(moves[$0]), $1) > (abs(moves[$1]), $0) }
            .prefix(Self.shownLimit).filter { abs(moves[$0]) >= Self.leastShown }
        let parts = largest.map { index in
            let label = BucketLabel.text(index, of: name, in: buckets, count: moves.count)
            return "\(label): \(EvidenceText.percent(stable[index])) of stable, "
                + "\(EvidenceText.percent(candidate[index])) of the candidate"
        }
        return (parts + ["the shift is about \(EvidenceText.points(shift))"]).joined(separator: "; ")
    }
}

/// The name of a bucket, with or without the manifest's buckets.
enum BucketLabel {
    static func text(_ index: Int, of name: String, in buckets: PredictionBuckets?, count: Int) -> String {
        if let buckets, buckets.count == count { return buckets.label(index, of: name) }
        return "\(name) bucket \(index + 1) of \(count)"
    }
}

extension EvidenceText {
    /// 0.21 → "21 points": a difference of shares.
    static func points(_ difference: Double, _ noun: String = "point") -> String {
        let points = number(difference * 100)
        return "\(points) \(noun)\(points == "1" ? "" : "s")"
    }
}
