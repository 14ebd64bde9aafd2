/// Values of the candidate by bucket, and stable's values of the same times.
///
/// Stable's shares are those of its blocks, each weighted by the candidate's number of values in it. So weights that
/// change while the inputs change are not taken for drift.
struct DriftSample: Codable, Hashable, Sendable {
    private(set) var candidate: [Int] = []
    /// Stable's sum: `Σ n_c x_s / n_s` over blocks.
    private var weighted: [Double] = []
    /// Stable's noise: `Σ n_c² / n_s`. n_c² divided by it is the number of values that the weighted sum is worth.
    private var noise = 0.0

    init(bucketCount: Int = 0) { candidate = Array(repeating: 0, count: bucketCount) }

    /// The number of the candidate's values.
    var size: Int { candidate.reduce(0, +) }

    var ofCandidate: BucketSample { BucketSample(counts: candidate.map(Double.init), size: Double(size)) }

    var stable: BucketSample {
        let values = Double(size)
        return BucketSample(counts: weighted, size: noise > 0 ? values * values / noise : 0)
    }

    mutating func add(_ block: BucketBlock) {
        candidate = zip(candidate, block.candidate).map { $0 + $1 }
    }

    /// - Parameter block: must have values of both sides.
    mutating func addBoth(_ block: BucketBlock) {
        add(block)
        let (stableCount, candidateCount) = (Double(block.stableCount), Double(block.candidateCount))
        if weighted.isEmpty { weighted = block.stable.map { _ in 0 } }
        weighted = zip(weighted, block.stable).map { sum, count in
            // Hundredths are precise enough and keep the record short.
            ((sum + Double(count) * candidateCount / stableCount) * 100).rounded() / 100
        }
        noise += candidateCount * candidateCount / stableCount
    }

    /// Halves both sides alike, so that the rest is of the same times.
    mutating func forget(beyond memory: Int) {
        while size > memory {
            candidate = candidate.map { $0 / 2 }
            weighted = weighted.map { ($0 * 50).rounded() / 100 }
            noise /= 2
        }
    }
}
