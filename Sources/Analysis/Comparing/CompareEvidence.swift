import ModelManifests
import RealModule

/// The evidence of a comparing gate: the test's state, and totals for display only.
struct CompareEvidence: Codable, Hashable, Sendable {
    private enum Test: Codable, Hashable, Sendable {
        case rates(RateComparison)
        case latency(LatencyComparison)
    }

    private var test: Test
    private var slowBound: SlowBound?
    private var counters: CounterTrials?
    private var totals = CompareTotals()
    /// Nil if the rollout has no slices, or the gate does not count requests.
    private var slices: SlicesEvidence?
    /// Of the last interval.
    private var impossibility: String?
    /// The candidate's samples, including synthetic ones.
    var samples: Int { totals.candidateCount }

    init(_ gate: CompareGate, slices: [TrafficSlice] = []) {
        if !slices.isEmpty {
            self.slices = SlicesEvidence(
                slices, relativeTolerance: gate.maxRelativeIncrease, absoluteTolerance: gate.maxAbsoluteIncrease)
        }
        if let quantile = gate.metric?.latencyQuantile {
            test = .latency(LatencyComparison(quantile: quantile))
        } else {
            test = .rates(RateComparison(gate))
        }
        if gate.metric == .slow { slowBound = SlowBound(slowerThan: gate.slowerThan) }
        if gate.metric == nil { counters = CounterTrials() }
    }

    mutating func learn(stableHistory counts: SideCounts) {
        slowBound?.learn(stable: counts)
        if case .latency(var comparison) = test {
            comparison.learn(stableHistory: counts)
            test = .latency(comparison)
        }
    }

    mutating func absorb(_ interval: Interval, _ gate: CompareGate, alpha: Double) {
        impossibility = interval.impossibility
        guard impossibility == nil else { return }
        switch test {
        case .latency(var comparison):
            comparison.absorb(interval, gate)
            for (origin, interval) in interval.strata { totals.add(interval.latencyTotals, of: origin) }
            test = .latency(comparison)
        case .rates(var comparison):
            absorbUsers(interval, gate, into: &comparison)
            let target = -.log(alpha) - logShareOfWhole
            for (origin, block) in blocks(interval, gate) {
                totals.add(block, of: origin)
                comparison.absorb(block.asIncreaseTest(gate), of: origin, target: target)
            }
            test = .rates(comparison)
            absorbSlices(interval, gate, alpha)
        }
    }

    /// ln of the part of the gate's error rate that belongs to the whole traffic.
    private var logShareOfWhole: Double { slices == nil ? 0 : .log(1 - SlicesEvidence.share) }

    /// Slices of users' requests that are routed one by one. With sticky users the unit is the user, and slices do not
    /// count users.
    private mutating func absorbSlices(_ interval: Interval, _ gate: CompareGate, _ alpha: Double) {
        guard var evidence = slices, totals.units == nil, let metric = gate.metric else { return }
        slices = nil
        evidence.absorb(
            interval.sliceBlocks(metric, slowerThan: slowBound?.edge), target: -.log(alpha * SlicesEvidence.share))
        slices = evidence
    }

    /// The bound over which slices must be counted. Nil if none is needed, or none is chosen yet.
    var slowEdgeOfSlices: Double? { slices == nil ? nil : slowBound?.edge }

    var judgesSlices: Bool { slices != nil }

    /// Users of a sticky route, from windows that have ended.
    private mutating func absorbUsers(_ interval: Interval, _ gate: CompareGate, into comparison: inout RateComparison)
    {
        guard let stable = interval.stable.users, let candidate = interval.candidate.users else { return }
        func units(_ stableHits: Int?, _ candidateHits: Int?) -> RateBlock? {
            guard let stableHits, let candidateHits else { return nil }
            return RateBlock(
                stable: Trials(count: Double(stable.units), successes: Double(stableHits)),
                candidate: Trials(count: Double(candidate.units), successes: Double(candidateHits)))
        }
        let kinds: [RateBlock?]
        switch gate.quantity {
        case .requests(.errors, _):
            // Two ways for a user to fail: every request, or at least one.
            kinds = [units(stable.failed, candidate.failed), units(stable.touched, candidate.touched)]
        case .requests(.rejected, _): kinds = [units(stable.rejected, candidate.rejected)]
        case .requests(.slow, _):
            guard let edge = slowBound?.edge else { return }
            kinds = [units(interval.stable.slowUsers(over: edge), interval.candidate.slowUsers(over: edge))]
        case .requests, .counters: return
        }
        let known = kinds.compactMap { $0 }
        if let block = known.last { totals.add(units: block) }
        comparison.absorb(units: known, windows: max(stable.windows, candidate.windows))
    }

    private mutating func blocks(_ interval: Interval, _ gate: CompareGate) -> [(RequestOrigin, RateBlock)] {
        func requests(
            _ hits: KeyPath<SideCounts, Int>, together: KeyPath<SideCounts, Int?>? = nil, of interval: Interval
        ) -> [(RequestOrigin, RateBlock)] {
            interval.strata.map { ($0.origin, $0.interval.share(hits, together: together)) }
        }
        switch gate.quantity {
        case .requests(.errors, _):
            return requests(\.errors, together: \.errorsTogether, of: interval.countingUnavailable)
        case .requests(.rejected, _): return requests(\.rejected, of: interval)
        case .requests(.slow, _):
            let isJudged = slowBound?.freezes(on: interval) == true
            let found = interval.strata.compactMap { stratum -> (RequestOrigin, RateBlock)? in
                guard isJudged else { return nil }
                return slowBound?.trials(stratum.interval).map { (stratum.origin, $0) }
            }
            return found
        case .requests: return []
        case .counters(let ratio):
            return counters?.block(interval, ratio).map { [(.users, $0)] } ?? []
        }
    }

    /// Fails as soon as the tolerance is excluded. Passes once a regression beyond the margin was excluded, and stays
    /// passed.
    func verdict(_ gate: CompareGate, alpha: Double, missedRegressionRate: Double) -> Verdict {
        guard counters?.isComparable != false else { return .insufficient }
        if logFailEvidence >= -.log(alpha) { return .fail }
        let excluded = peakLogPassEvidence >= -.log(missedRegressionRate)
        if case .rates(let comparison) = test, comparison.isPassEmpty { return .insufficient }
        return excluded && samples >= gate.minSamples ? .pass : .insufficient
    }

    /// The evidence of the whole traffic and its slices: see `SlicesEvidence`.
    private var logFailEvidence: Double {
        guard let slices else { return logFailEvidenceOfWhole }
        return MixtureEvidence.logSumExp([
            logShareOfWhole + logFailEvidenceOfWhole, .log(SlicesEvidence.share) + slices.logValue,
        ])
    }

    private var logFailEvidenceOfWhole: Double {
        switch test {
        case .rates(let comparison): comparison.logFailEvidence
        case .latency(let comparison): comparison.logFailEvidence
        }
    }

    private var peakLogPassEvidence: Double {
        switch test {
        case .rates(let comparison): comparison.peakLogPassEvidence
        case .latency(let comparison): comparison.peakLogPassEvidence
        }
    }

    func passProgress(_ gate: CompareGate) -> PassProgress? {
        guard problem == nil, impasse(gate) == nil else { return nil }
        let unit: String =
            switch gate.quantity {
            // A pass is based on each user's first request.
            case .requests: totals.units == nil ? "request" : "user"
            case .counters(let ratio): ratio.source == MetricSourceName.outcomes ? "outcome" : "sample"
            }
        return PassProgress(logEvidence: peakLogPassEvidence, minSamples: gate.minSamples, unit: unit)
    }

    /// A changed margin restarts the evidence for a pass.
    mutating func setMargin(_ margin: PassMargin) {
        switch test {
        case .rates(let comparison):
            test = .rates(comparison.withMargin(relative: margin.relative, absolute: margin.absolute))
        case .latency(var comparison):
            comparison.restartPass()
            test = .latency(comparison)
        }
    }

    func reason(_ gate: CompareGate, verdict: Verdict, _ rates: EvidenceRates) -> String {
        if let problem { return "\(problem): not comparable" }
        if let waiting { return waiting }
        if let edge = slowBound?.edge, totals.isEmpty {
            return "slow means over \(EvidenceText.seconds(edge)), and requests from now on are judged by that bound"
        }
        if let idle = totals.idleSide, totals.units == nil { return "no \(gate.unit) of \(idle) yet" }
        let words = ConclusionDescription(
            fail: Self.withinTolerance, pass: Self.beyondMargin,
            logFail: logFailEvidence, logPass: peakLogPassEvidence, samplesToGo: gate.minSamples - samples)
        var text = "\(described(gate)); \(words.text(verdict, rates))"
        if let slices {
            if verdict == .fail, let own = failingSlice(slices, gate) {
                text = "\(own); \(words.text(verdict, rates)); of all requests \(described(gate))"
            } else {
                text += "; \(slices.described)"
            }
        }
        if let edge = slowBound?.edge, let givenUp = slowBound?.givenUp {
            text +=
                "; after more than \(EvidenceText.seconds(edge)), "
                + "\(EvidenceText.count(givenUp.candidate, "client")) of the candidate and "
                + "\(EvidenceText.count(givenUp.stable)) of stable gave up"
        }
        if verdict == .pass { text += "; \(notExcludedText(gate))" }
        if verdict == .insufficient, let impasse = impasse(gate) { text += "; \(impasse)" }
        return text
    }

    /// The numbers of the reason, for drawings.
    func figures(_ gate: CompareGate) -> OddsFigures {
        var figures = OddsFigures(
            fail: Self.withinTolerance, logFail: logFailEvidence, pass: Self.beyondMargin,
            logPass: peakLogPassEvidence, minSamples: gate.minSamples)
        switch test {
        case .rates(let comparison):
            // Of counters that are summed, the rate is no share of requests, and its unit is the user's own.
            guard gate.metric != nil else { break }
            figures.rates = totals.figures(
                gate, what: gate.metric?.rawValue ?? "", margin: comparison.marginAtStable)
        case .latency(let comparison):
            figures.latencies = comparison.window.figures(comparison.quantile)
        }
        return figures
    }

    private static let withinTolerance = "being within tolerance"
    private static let beyondMargin = "a regression beyond the pass margin"

    /// The text about the worst slice, if its evidence against the candidate is stronger than that of the whole
    /// traffic.
    private func failingSlice(_ slices: SlicesEvidence, _ gate: CompareGate) -> String? {
        guard let worst = slices.worst,
            .log(SlicesEvidence.share) + worst.slice.logPart > logShareOfWhole + logFailEvidenceOfWhole
        else { return nil }
        let totals = CompareTotals(users: worst.slice.totals)
        return "in \(worst.label) \(totals.described(gate, slowerThan: slowBound?.edge))"
    }

    /// What a pass does not exclude, in plain words.
    private func notExcludedText(_ gate: CompareGate) -> String {
        switch test {
        case .latency: return "it could still be up to \(EvidenceText.percent(gate.passMargin.relative)) higher"
        case .rates(let comparison):
            let margin = comparison.marginAtStable
            guard case .counters(let ratio) = gate.quantity, ratio.maximum != 1 else {
                return "it could still be up to \(EvidenceText.points(margin, "percentage point")) worse"
            }
            return "it could still be up to \(EvidenceText.number(margin * ratio.maximum)) worse"
        }
    }

    /// Why the last interval was not evidence, or why no conclusion is possible at all. Nil if nothing is wrong.
    private var problem: String? {
        if let found = impossibility ?? slowBound?.problem ?? counters?.problem { return found }
        if case .latency(let comparison) = test { return comparison.problem }
        return nil
    }

    private func described(_ gate: CompareGate) -> String {
        switch test {
        case .rates: totals.described(gate, slowerThan: slowBound?.edge)
        case .latency(let comparison): totals.described(comparison.window, gate, comparison.quantile)
        }
    }

    /// Why the test still waits for requests of stable to choose its bounds. Nil if it does not.
    private var waiting: String? {
        if let slowBound, slowBound.edge == nil {
            return "waiting for \(SlowBound.requestsToFreeze) requests of stable to choose the latency bound"
        }
        guard case .latency(let comparison) = test,
            comparison.window.total(.stable) < comparison.requestsToChoose
        else { return nil }
        return
            "waiting for \(EvidenceText.count(comparison.requestsToChoose)) requests of stable to choose the latency "
            + "buckets"
    }

    private func impasse(_ gate: CompareGate) -> String? {
        switch test {
        case .rates(let comparison): comparison.impasse
        case .latency(let comparison): comparison.impasse(gate)
        }
    }
}

extension CompareGate.Metric {
    fileprivate var latencyQuantile: Double? {
        switch self {
        case .latencyP50: 0.50
        case .latencyP95: 0.95
        case .latencyP99: 0.99
        case .errors, .rejected, .slow: nil
        }
    }
}

extension CompareGate {
    /// What is counted on each side.
    fileprivate var unit: String {
        switch quantity {
        case .requests: "requests"
        case .counters(let ratio): ratio.unit
        }
    }
}

extension RateComparison {
    init(_ gate: CompareGate) {
        self.init(
            relativeTolerance: gate.maxRelativeIncrease, absoluteTolerance: gate.maxAbsoluteIncrease,
            marginRelative: gate.passMargin.relative, marginAbsolute: gate.passMargin.absolute)
    }
}

extension Interval {
    /// All failed requests, with the event sizes that the source reports.
    var errorTrials: RateBlock { share(\.errors, together: \.errorsTogether) }

    fileprivate func share(_ hits: KeyPath<SideCounts, Int>, together: KeyPath<SideCounts, Int?>?) -> RateBlock {
        func trials(_ counts: SideCounts) -> Trials {
            let hits = Double(counts[keyPath: hits])
            // An older data plane does not report how unavailable requests came together.
            let together = together.flatMap { counts[keyPath: $0] }.map { max(Double($0), hits) }
            return Trials(count: Double(counts.requests), successes: hits, together: together)
        }
        return RateBlock(stable: trials(stable), candidate: trials(candidate))
    }

    /// Requests with a known latency.
    fileprivate var latencyTotals: RateBlock {
        RateBlock(
            stable: Trials(count: Double(stable.latencyTotal), successes: 0),
            candidate: Trials(count: Double(candidate.latencyTotal), successes: 0))
    }
}

extension RateBlock {
    /// If higher is better, the shortfall.
    fileprivate func asIncreaseTest(_ gate: CompareGate) -> RateBlock {
        guard case .counters(let ratio) = gate.quantity, ratio.better == .higher else { return self }
        return RateBlock(stable: stable.shortfall, candidate: candidate.shortfall)
    }
}
