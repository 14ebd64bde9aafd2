/// Tests whether the candidate's rate is beyond the tolerance (fail), or whether a regression beyond the pass margin is
/// excluded (pass).
///
/// It takes single blocks, never sums of blocks. It needs no minimum of samples and no schedule of looks.
struct RateComparison: Codable, Hashable, Sendable {
    /// The waiting block and the base rate of one stratum: users' requests or synthetic requests. Their rates are
    /// unrelated.
    private struct Stratum: Codable, Hashable, Sendable {
        var base = BaseRate()
        var queue = BlockQueue<RateBlock>()
        /// Nil in records of older controllers.
        var clumps: ClumpWeights?
    }

    private var users = Stratum()
    private var synthetic: Stratum?
    private var beyondRelative: TargetedEvidence?
    private var beyondAbsolute: TargetedEvidence?
    /// The evidence of users of a sticky route by windows. Nil if routes are not sticky.
    private var usersBeyondRelative: UserWindowEvidence?
    private var usersBeyondAbsolute: UserWindowEvidence?
    private var withinMargin: MixtureEvidence
    /// ln of the largest evidence at any look against a regression beyond the margin.
    private(set) var peakLogPassEvidence = 0.0

    let relativeTolerance: Double?
    let absoluteTolerance: Double?
    let marginRelative: Double
    let marginAbsolute: Double

    init(relativeTolerance: Double?, absoluteTolerance: Double?, marginRelative: Double, marginAbsolute: Double) {
        // Without any tolerance, every increase is beyond it.
        let relative = relativeTolerance ?? (absoluteTolerance == nil ? 0 : nil)
        self.relativeTolerance = relative
        self.absoluteTolerance = absoluteTolerance
        self.marginRelative = marginRelative
        self.marginAbsolute = marginAbsolute
        if relative != nil { beyondRelative = TargetedEvidence(.increases) }
        if absoluteTolerance != nil { beyondAbsolute = TargetedEvidence(.increases) }
        withinMargin = MixtureEvidence(count: AlternativeGrid.acceptable.alternatives.count)
    }

    /// ln of the evidence that the candidate is beyond the tolerance. A candidate within either tolerance is within
    /// tolerance, so both must be excluded: the smaller value counts.
    var logFailEvidence: Double {
        let evidence = [(beyondRelative, usersBeyondRelative), (beyondAbsolute, usersBeyondAbsolute)].compactMap {
            ofRequests, ofUsers -> Double? in
            guard let ofRequests else { return nil }
            guard let ofUsers else { return ofRequests.logValue }
            // The mean of both.
            return MixtureEvidence.logSumExp([ofRequests.logValue, ofUsers.logValue]) - .log(2)
        }
        return evidence.min() ?? 0
    }

    private var beyondRelativeTolerance: RateNull? {
        relativeTolerance.map { .atMost(RateBoundary(slope: 1 + $0, offset: 0)) }
    }

    private var beyondAbsoluteTolerance: RateNull? {
        absoluteTolerance.map { .atMost(RateBoundary(slope: 1, offset: $0)) }
    }

    /// Users of a sticky route, by windows of time: see `UserWindowEvidence`.
    mutating func absorb(units kinds: [RateBlock], windows: Int) {
        if let null = beyondRelativeTolerance {
            usersBeyondRelative = usersBeyondRelative ?? UserWindowEvidence()
            usersBeyondRelative?.absorb(kinds, windows: windows, against: null)
        }
        if let null = beyondAbsoluteTolerance {
            usersBeyondAbsolute = usersBeyondAbsolute ?? UserWindowEvidence()
            usersBeyondAbsolute?.absorb(kinds, windows: windows, against: null)
        }
    }

    /// - Parameter target: ln of the evidence at which the gate fails. No more is staked than is needed to reach it.
    mutating func absorb(_ block: RateBlock, of origin: RequestOrigin = .users, target: Double = .infinity) {
        let isMean = usersBeyondRelative != nil || usersBeyondAbsolute != nil
        let target = target + (isMean ? .log(2) : 0)
        var stratum = origin == .users ? users : synthetic ?? Stratum()
        var isJudged = false
        for ready in stratum.queue.admit(block) {
            if ready.compares {
                isJudged = true
                var clumps = stratum.clumps ?? ClumpWeights()
                let weight = clumps.weigh(ready)
                stratum.clumps = clumps
                judge(
                    ready, weight: weight, guesses: stratum.base.guesses(forBlockOf: ready.stable.count),
                    target: target)
            }
            stratum.base.learn(ready.stable)
        }
        switch origin {
        case .users: users = stratum
        case .synthetic: synthetic = stratum
        }
        guard isJudged else { return }
        // A pass consists of looks without failures, which say nothing about clumps. So all of them get the weight that
        // is known now.
        let clump = max(users.clumps?.meanClump ?? 1, synthetic?.clumps?.meanClump ?? 1)
        peakLogPassEvidence = max(peakLogPassEvidence, withinMargin.logValue(.acceptable, power: 1 / clump))
    }

    private mutating func judge(_ block: RateBlock, weight: Double, guesses: [BaseRate.Guess], target: Double) {
        if let null = beyondRelativeTolerance {
            beyondRelative?.absorb(
                block, weight: weight, against: null, grid: .increases, guesses: guesses, target: target)
        }
        if let null = beyondAbsoluteTolerance {
            beyondAbsolute?.absorb(
                block, weight: weight, against: null, grid: .increases, guesses: guesses, target: target)
        }
        let null = RateNull.beyondMargin(relative: marginRelative, absolute: marginAbsolute)
        withinMargin.absorb(block, against: null, grid: .acceptable, guesses: guesses)
    }

    /// Stable's current rate, from users' requests if there are any.
    private var stableRate: Double {
        if !users.base.isKnown, let synthetic { return synthetic.base.estimate }
        return users.base.estimate
    }

    /// How much worse than stable a candidate that passes may still be, at stable's rate.
    var marginAtStable: Double {
        RateNull.beyondMargin(relative: marginRelative, absolute: marginAbsolute).edge(atStable: stableRate)
            - stableRate
    }

    /// Whether no regression could be beyond the pass margin at stable's rate. Then excluding one would mean nothing.
    var isPassEmpty: Bool {
        RateNull.beyondMargin(relative: marginRelative, absolute: marginAbsolute).edge(atStable: stableRate) >= 1
    }

    /// Why no candidate could ever fail, or ever pass, at stable's rate, and what to do. Nil if both are possible.
    var impasse: String? {
        let rate = stableRate
        let edges = [
            relativeTolerance.map { RateBoundary(slope: 1 + $0, offset: 0).candidateRate(atStable: rate) },
            absoluteTolerance.map { RateBoundary(slope: 1, offset: $0).candidateRate(atStable: rate) },
        ]
        let needs = [
            edges.contains { ($0 ?? 0) >= 1 } ? "the tolerance: set only maxAbsoluteIncrease, and a smaller one" : nil,
            isPassEmpty
                ? "the pass margin, so a pass would mean nothing: set only passMargin.absolute, and a smaller one"
                : nil,
        ].compactMap { $0 }
        guard !needs.isEmpty else { return nil }
        return "at stable's \(EvidenceText.percent(rate)) no candidate can be beyond "
            + needs.joined(separator: ", nor beyond ")
    }

    /// Restarts the evidence for a pass with another margin. The evidence against the tolerance stays.
    func withMargin(relative: Double, absolute: Double) -> RateComparison {
        var changed = RateComparison(
            relativeTolerance: relativeTolerance, absoluteTolerance: absoluteTolerance, marginRelative: relative,
            marginAbsolute: absolute)
        changed.users = users
        changed.synthetic = synthetic
        changed.beyondRelative = beyondRelative
        changed.beyondAbsolute = beyondAbsolute
        changed.usersBeyondRelative = usersBeyondRelative
        changed.usersBeyondAbsolute = usersBeyondAbsolute
        return changed
    }
}
