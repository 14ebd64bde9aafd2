/// Whether the candidate's rate is beyond the tolerance (fail) or a regression beyond the pass margin is excluded (pass).
///
/// Takes blocks, never sums of blocks. Needs no floor on samples and no schedule of looks.
struct RateComparison: Codable, Hashable, Sendable {
    /// Blocks with fewer of either side wait for the next: with one or two requests of a side, chance exposures would
    /// hide what the outcomes say. The rule looks at counts alone, so it keeps the promise.
    static let blockFloor = 8.0
    /// More than this of a side neither waits nor is waited for: it would join requests of different times.
    static let waitingLimit = 1_000.0

    private var base = BaseRate()
    private var beyondRelative: MixtureEvidence?
    private var beyondAbsolute: MixtureEvidence?
    private var withinMargin: MixtureEvidence
    private var waiting: RateBlock?

    let relativeTolerance: Double?
    let absoluteTolerance: Double?
    let marginRelative: Double
    let marginAbsolute: Double

    init(relativeTolerance: Double?, absoluteTolerance: Double?, marginRelative: Double, marginAbsolute: Double) {
        // No tolerance at all means none: any increase is beyond it.
        let relative = relativeTolerance ?? (absoluteTolerance == nil ? 0 : nil)
        self.relativeTolerance = relative
        self.absoluteTolerance = absoluteTolerance
        self.marginRelative = marginRelative
        self.marginAbsolute = marginAbsolute
        if relative != nil { beyondRelative = MixtureEvidence(count: AlternativeGrid.regressions.alternatives.count) }
        if absoluteTolerance != nil {
            beyondAbsolute = MixtureEvidence(count: AlternativeGrid.regressions.alternatives.count)
        }
        withinMargin = MixtureEvidence(count: AlternativeGrid.acceptable.alternatives.count)
    }

    /// ln of the evidence that the candidate is beyond the tolerance. Within either tolerance is within tolerance, so
    /// both must be excluded: the smaller counts.
    var logFailEvidence: Double {
        let evidence = [beyondRelative, beyondAbsolute].compactMap { $0?.logValue(.regressions) }
        return evidence.min() ?? 0
    }

    /// ln of the largest evidence of all looks that no regression beyond the margin is there.
    var peakLogPassEvidence: Double { withinMargin.peak }

    mutating func absorb(_ block: RateBlock) {
        if isLargeEnough(block) || isTooLargeToWait(block) {
            // What waited is of another time, and is judged by itself.
            if let waiting { judge(waiting) }
            waiting = nil
            judge(block)
            return
        }
        let joined = (waiting ?? .empty) + block
        waiting = joined
        if isLargeEnough(joined) || isTooLargeToWait(joined) {
            waiting = nil
            judge(joined)
        }
    }

    private func isTooLargeToWait(_ block: RateBlock) -> Bool {
        max(block.stable.count, block.candidate.count) > Self.waitingLimit
    }

    private func isLargeEnough(_ block: RateBlock) -> Bool {
        min(block.stable.count, block.candidate.count) >= Self.blockFloor
    }

    private mutating func judge(_ block: RateBlock) {
        guard block.compares else {
            base.learn(block.stable)
            return
        }
        let guesses = base.guesses(forBlockOf: block.stable.count)
        if let relativeTolerance {
            let null = RateNull.atMost(RateBoundary(slope: 1 + relativeTolerance, offset: 0))
            beyondRelative?.absorb(block, against: null, grid: .regressions, guesses: guesses)
        }
        if let absoluteTolerance {
            let null = RateNull.atMost(RateBoundary(slope: 1, offset: absoluteTolerance))
            beyondAbsolute?.absorb(block, against: null, grid: .regressions, guesses: guesses)
        }
        let null = RateNull.beyondMargin(relative: marginRelative, absolute: marginAbsolute)
        withinMargin.absorb(block, against: null, grid: .acceptable, guesses: guesses)
        base.learn(block.stable)
    }

    /// Starts the pass over with another margin; what was learnt against the tolerance stays.
    func withMargin(relative: Double, absolute: Double) -> RateComparison {
        var changed = RateComparison(
            relativeTolerance: relativeTolerance, absoluteTolerance: absoluteTolerance, marginRelative: relative,
            marginAbsolute: absolute)
        changed.base = base
        changed.beyondRelative = beyondRelative
        changed.beyondAbsolute = beyondAbsolute
        changed.waiting = waiting
        return changed
    }
}
