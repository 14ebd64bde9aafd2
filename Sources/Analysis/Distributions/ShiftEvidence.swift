import RealModule

/// The e-process that more than `maxShift` of the predictions have moved: a mixture over alternatives, each a product
/// over blocks. Under the null it exceeds 1/α at *any* look with probability at most α (Ville's inequality). It starts
/// again after surprising blocks (`RestartedMixture`), so a long healthy past does not make it slow.
struct ShiftEvidence: Codable, Hashable, Sendable {
    /// How strongly each alternative is moved towards no shift, and its prior. Many buckets, or a small shift, need
    /// more. The values come from simulations of 3 to 32 buckets. They determine the speed; the guarantee holds with
    /// any values.
    private static let alternatives: [(concentration: Double, prior: Double)] = [(16, 0.3), (64, 0.3), (256, 0.4)]
    /// The same for an estimate of the latest past only, which shows a new shift at once.
    private static let recentAlternatives: [(concentration: Double, prior: Double)] = [(32, 0.5), (128, 0.5)]
    /// The recent alternatives' part of the wealth.
    private static let recentShare = 0.3
    private static let logPriors =
        alternatives.map { Double.log($0.prior * (1 - recentShare)) }
        + recentAlternatives.map { Double.log($0.prior * recentShare) }

    private var logs = RestartedMixture(logPriors: logPriors)
    private var startsNext: Bool?

    init() {}

    /// An older version stored fewer alternatives. Their evidence is kept.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        if let products = try? fields.decode([Double].self, forKey: .logs), products.count == Self.alternatives.count {
            logs = RestartedMixture(
                logPriors: zip(products, Self.logPriors).map { $0 + $1 }
                    + Self.logPriors.dropFirst(products.count))
        } else {
            logs = try fields.decode(RestartedMixture.self, forKey: .logs)
        }
        startsNext = try fields.decodeIfPresent(Bool.self, forKey: .startsNext)
    }

    private enum CodingKeys: String, CodingKey { case logs, startsNext }

    /// ln of the current evidence.
    var logValue: Double { logs.logValue }

    /// - Parameters:
    ///   - known: the estimate with the long memory.
    ///   - recent: the estimate of the latest past.
    mutating func absorb(_ block: BucketBlock, known: LearnedShares, recent: LearnedShares, against null: ShiftNull) {
        if startsNext == true { logs.start(logPriors: Self.logPriors) }
        startsNext = known.isSurprised(by: block) ? true : nil
        let bets =
            Self.alternatives.map { (known, $0.concentration) }
            + Self.recentAlternatives.map { (recent.canJudge(block) ? recent : known, $0.concentration) }
        logs.absorb(
            bets.map { shares, concentration in
                null.logEVariable(block, shares.shares(concentration: concentration))
            })
    }
}

/// The evidence that no bucket's share differs by more than `passShift`: for every bucket and direction, one e-process
/// against the half-plane beyond. All of them must be excluded, so each is tested at the full rate.
struct NoShiftEvidence: Codable, Hashable, Sendable {
    /// ln of the evidence in thousandths, rounded down, which keeps the guarantee. For each bucket: that the
    /// candidate's share is larger, then that it is smaller.
    private var thousandths: [Int]
    /// The largest value, over all looks, of the smallest ln of the evidence.
    private(set) var peak = 0.0

    private static let scale = 1_000.0
    /// Excluded beyond any rate that a gate can ask for. Betting stops here, which keeps the guarantee and saves work.
    private static let enough = 30_000
    /// A larger margin is replaced by this one, which excludes more.
    private static let largestShift = 0.99
    /// The largest size of ln of the evidence, so that numbers stay finite.
    private static let largestLog = 1e12

    init(bucketCount: Int) { thousandths = Array(repeating: 0, count: 2 * bucketCount) }

    mutating func absorb(_ block: BucketBlock, known: LearnedShares, passShift: Double) {
        let boundary = RateBoundary(slope: 1, offset: min(passShift, Self.largestShift))
        let (stableCount, candidateCount) = (Double(block.stableCount), Double(block.candidateCount))
        for (index, share) in known.pooled.enumerated() where isOpen(index) {
            let stable = Trials(count: stableCount, successes: Double(block.stable[index]))
            let candidate = Trials(count: candidateCount, successes: Double(block.candidate[index]))
            add(RateBlock(stable: stable, candidate: candidate), boundary, equalAt: share, to: 2 * index)
            add(RateBlock(stable: candidate, candidate: stable), boundary, equalAt: share, to: 2 * index + 1)
        }
        peak = max(peak, Double(thousandths.min() ?? 0) / Self.scale)
    }

    private func isOpen(_ bucket: Int) -> Bool {
        min(thousandths[2 * bucket], thousandths[2 * bucket + 1]) < Self.enough
    }

    private mutating func add(_ block: RateBlock, _ boundary: RateBoundary, equalAt share: Double, to index: Int) {
        let equal = RatePair(stable: share, candidate: share)
        let projection = boundary.projection(
            of: equal, stableCount: block.stable.count, candidateCount: block.candidate.count)
        guard let projection else { return }
        let log = block.logLikelihoodRatio(of: equal, over: projection)
        let bounded = log > -Self.largestLog ? min(log, Self.largestLog) : -Self.largestLog
        let sum = thousandths[index] + Int((bounded * Self.scale).rounded(.down))
        let limit = Int(Self.largestLog * Self.scale)
        thousandths[index] = min(max(sum, -limit), limit)
    }
}
