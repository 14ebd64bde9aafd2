import RealModule

/// Tests whether the candidate's rate in one slice of the traffic is beyond the tolerance. It can only fail.
///
/// The same e-process as for the whole traffic (`RateComparison`), over alternatives that a slice can show.
struct SliceEvidence: Codable, Hashable, Sendable {
    /// This slice's part of the rate that the gate's slices share.
    let share: Double
    private var base = BaseRate()
    private var queue = BlockQueue<RateBlock>()
    private var clumps = ClumpWeights()
    private var beyondRelative: TargetedEvidence?
    private var beyondAbsolute: TargetedEvidence?
    /// For display.
    private(set) var totals = RateBlock.empty

    init(share: Double, beyondRelative: Bool, beyondAbsolute: Bool) {
        self.share = share
        if beyondRelative { self.beyondRelative = TargetedEvidence(.slices) }
        if beyondAbsolute { self.beyondAbsolute = TargetedEvidence(.slices) }
    }

    /// ln of the evidence that the candidate is beyond the tolerance. If there are two tolerances, beyond both.
    var logValue: Double { [beyondRelative, beyondAbsolute].compactMap { $0?.logValue }.min() ?? 0 }

    /// - Parameter target: ln of the evidence at which this slice alone makes the gate fail.
    mutating func absorb(_ block: RateBlock, relative: RateNull?, absolute: RateNull?, target: Double) {
        totals = totals + block
        (totals.stable.together, totals.candidate.together) = (nil, nil)
        for ready in queue.admit(block) {
            if ready.compares {
                let weight = clumps.weigh(ready)
                let guesses = base.guesses(forBlockOf: ready.stable.count)
                if let relative {
                    beyondRelative?.absorb(
                        ready, weight: weight, against: relative, grid: .slices, guesses: guesses, target: target)
                }
                if let absolute {
                    beyondAbsolute?.absorb(
                        ready, weight: weight, against: absolute, grid: .slices, guesses: guesses, target: target)
                }
            }
            base.learn(ready.stable)
        }
    }
}
