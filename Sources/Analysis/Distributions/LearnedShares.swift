import RealModule

/// Estimates of both sides' shares from past blocks only, so that the next block's alternatives are fixed before the
/// block is seen. A wrong estimate costs speed, never validity.
struct LearnedShares: Codable, Hashable, Sendable {
    /// When this many values of each side are known, all counts are halved, because distributions change. Both sides
    /// are halved at once, so that they describe the same time.
    static let memory = 5_000
    /// The memory for an estimate of the latest past only.
    static let shortMemory = 400
    /// Added to every bucket of both sides together (Krichevsky and Trofimov), so that no bucket is impossible.
    static let prior = 0.5
    /// For the expected shares of the candidate, this many values with the shares of both sides are added.
    static let surpriseConcentration = 16.0
    /// A block that is larger than this many times the known values is only learned from, because a bet on it would be
    /// blind.
    static let largestBlock = 4

    private(set) var stable: [Int]
    private(set) var candidate: [Int]

    init(bucketCount: Int) {
        stable = Array(repeating: 0, count: bucketCount)
        candidate = stable
    }

    /// Uses only the counts, so the guarantee holds.
    func canJudge(_ block: BucketBlock) -> Bool {
        let known = stable.reduce(0, +) + candidate.reduce(0, +)
        return block.stableCount + block.candidateCount <= Self.largestBlock * known
    }

    /// The shares of both sides together.
    var pooled: [Double] {
        let counts = zip(stable, candidate).map { Double($0 + $1) + Self.prior }
        let total = counts.reduce(0, +)
        return counts.map { $0 / total }
    }

    /// Each side's shares, as if `concentration` more values had the pooled shares.
    func shares(concentration: Double) -> SharePair {
        let pooled = pooled
        func drawn(_ counts: [Int]) -> [Double] {
            let total = Double(counts.reduce(0, +)) + concentration
            return zip(counts, pooled).map { (Double($0) + concentration * $1) / total }
        }
        return SharePair(stable: drawn(stable), candidate: drawn(candidate))
    }

    /// Whether the candidate's values differ from those before: Pearson's X² exceeds its mean by a standard deviation.
    func isSurprised(by block: BucketBlock) -> Bool {
        let expected = shares(concentration: Self.surpriseConcentration).candidate
        let count = Double(block.candidateCount)
        guard count > 0 else { return false }
        let distance = zip(block.candidate, expected).reduce(0) { sum, bucket in
            let off = Double(bucket.0) - count * bucket.1
            return sum + off * off / (count * bucket.1)
        }
        let freedom = Double(expected.count - 1)
        return distance > freedom + (2 * freedom).squareRoot()
    }

    /// - Parameter memory: the number of values of each side to remember.
    mutating func learn(_ block: BucketBlock, memory: Int = memory) {
        for index in stable.indices {
            stable[index] += block.stable[index]
            candidate[index] += block.candidate[index]
        }
        while min(stable.reduce(0, +), candidate.reduce(0, +)) > memory {
            stable = stable.map { $0 / 2 }
            candidate = candidate.map { $0 / 2 }
        }
    }
}

/// Coded as a list of the number of buckets and each side's `BucketCounts`, to keep the record short. Older controllers
/// wrote all counts by name.
extension LearnedShares {
    private enum FormerKeys: String, CodingKey { case stable, candidate }

    init(from decoder: any Decoder) throws {
        if let fields = try? decoder.container(keyedBy: FormerKeys.self) {
            self.init(bucketCount: 0)
            stable = try fields.decode([Int].self, forKey: .stable)
            candidate = try fields.decode([Int].self, forKey: .candidate)
            return
        }
        var list = try decoder.unkeyedContainer()
        self.init(bucketCount: try list.decode(Int.self))
        for side in [\LearnedShares.stable, \.candidate] {
            let read = try list.decode(BucketCounts.self).counts
            guard read.count <= stable.count else {
                throw DecodingError.dataCorruptedError(in: list, debugDescription: "more counts than buckets")
            }
            self[keyPath: side].replaceSubrange(0..<read.count, with: read)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try list.encode(stable.count)
        for side in [stable, candidate] {
            var counts = BucketCounts()
            for (index, count) in side.enumerated() { counts.add(count, at: index) }
            try list.encode(counts)
        }
    }
}
