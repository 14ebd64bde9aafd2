import ModelManifests

/// The number of values of each side in each bucket between two looks. Blocks are summed only if they are too small to
/// be judged.
struct BucketBlock: Codable, Hashable, Sendable {
    /// One count for each bucket; both sides have the same buckets.
    var stable: [Int]
    var candidate: [Int]

    var stableCount: Int { stable.reduce(0, +) }
    var candidateCount: Int { candidate.reduce(0, +) }

    static func + (left: BucketBlock, right: BucketBlock) -> BucketBlock {
        BucketBlock(
            stable: zip(left.stable, right.stable).map { $0 + $1 },
            candidate: zip(left.candidate, right.candidate).map { $0 + $1 })
    }
}

/// Why an observation cannot be judged, for people.
struct ObservationProblem: Error, Hashable, Sendable {
    var text: String
}

extension Interval {
    /// What both sides added to an observation.
    ///
    /// - Parameter buckets: the observation's buckets, if they are known.
    /// - Returns: nil if neither side added anything.
    func observed(_ name: String, in buckets: PredictionBuckets?) throws(ObservationProblem) -> BucketBlock? {
        for (side, counts) in [("stable", stable), ("candidate", candidate)] {
            if let impossibility = counts.impossibility {
                throw ObservationProblem(text: "\(side) reports \(impossibility): not comparable")
            }
        }
        let (ofStable, ofCandidate) = (stable.observed[name] ?? [], candidate.observed[name] ?? [])
        let count = max(ofStable.count, ofCandidate.count)
        guard count > 0 else { return nil }
        guard [0, count].contains(ofStable.count), [0, count].contains(ofCandidate.count) else {
            throw ObservationProblem(
                text: "stable has \(ofStable.count) buckets of \(name) and the candidate \(ofCandidate.count)"
                    + ": not comparable")
        }
        guard (2...PredictionBuckets.countLimit).contains(count) else {
            throw ObservationProblem(
                text: "\(name) has \(count) buckets, but only 2 to \(PredictionBuckets.countLimit) can be judged")
        }
        if let wanted = buckets?.count, wanted != count {
            throw ObservationProblem(text: "\(name) has \(count) buckets, but the manifest has \(wanted)")
        }
        let none = Array(repeating: 0, count: count)
        let block = BucketBlock(
            stable: ofStable.isEmpty ? none : ofStable, candidate: ofCandidate.isEmpty ? none : ofCandidate)
        return block.stableCount + block.candidateCount > 0 ? block : nil
    }
}

/// Blocks with few values of a side wait for the next one: random exposures would hide what they say. The rule uses
/// only the counts, so the guarantee holds.
struct BucketBlockQueue: Codable, Hashable, Sendable {
    static let floor = 8
    /// A block with more than this of a side neither waits nor is waited for, because it would join values of different
    /// times.
    static let limit = 1_000

    private(set) var waiting: BucketBlock?

    /// - Returns: the blocks that can be judged now, oldest first. Each has values of both sides.
    mutating func take(_ block: BucketBlock) -> [BucketBlock] {
        var ready: [BucketBlock] = []
        if isReady(block) {
            // The waiting block is from another time, so it is judged by itself.
            if let waiting { ready.append(waiting) }
            waiting = nil
            ready.append(block)
        } else {
            let joined = waiting.map { $0 + block } ?? block
            waiting = joined
            if isReady(joined) {
                waiting = nil
                ready.append(joined)
            }
        }
        return ready.filter { min($0.stableCount, $0.candidateCount) > 0 }
    }

    private func isReady(_ block: BucketBlock) -> Bool {
        let (stable, candidate) = (block.stableCount, block.candidateCount)
        return min(stable, candidate) >= Self.floor || max(stable, candidate) > Self.limit
    }
}
