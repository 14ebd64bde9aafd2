import ModelManifests

/// Totals of both sides, for display. They are never tested, because sums over time mix weights with base rates.
struct CompareTotals: Codable, Hashable, Sendable {
    private(set) var users = RateBlock.empty
    private(set) var synthetic: RateBlock?
    /// Users of a sticky route, each counted once for every window in which they sent a request.
    private(set) var units: RateBlock?

    init(users: RateBlock = .empty) { self.users = users }

    mutating func add(units block: RateBlock) { units = (units ?? .empty) + block }

    mutating func add(_ block: RateBlock, of origin: RequestOrigin) {
        switch origin {
        case .users: users = users + block
        case .synthetic: synthetic = (synthetic ?? .empty) + block
        }
    }

    /// The rates of users' requests, or of synthetic ones where there are no others. Nil while one side has none.
    ///
    /// - Parameter margin: how much worse than stable a candidate that passes may be.
    func figures(_ gate: CompareGate, what: String, margin: Double) -> GateFigures.Rates? {
        let shown = users.compares ? users : synthetic ?? users
        guard shown.compares else { return nil }
        func side(_ trials: Trials) -> GateFigures.Side { .init(count: trials.count, hits: trials.successes) }
        let stable = side(shown.stable)
        let edges = [
            gate.maxRelativeIncrease.map { stable.rate * (1 + $0) }, gate.maxAbsoluteIncrease.map { stable.rate + $0 },
        ]
        return GateFigures.Rates(
            what: what, stable: stable, candidate: side(shown.candidate),
            tolerated: min(1, edges.compactMap(\.self).max() ?? stable.rate),
            excludedAbove: min(1, stable.rate + margin))
    }

    private var all: RateBlock { users + (synthetic ?? .empty) }
    var candidateCount: Int { Int(countable: all.candidate.count) }

    var isEmpty: Bool { all.stable.count + all.candidate.count == 0 }

    /// Nil if both sides have counts.
    var idleSide: String? {
        switch (all.stable.count > 0, all.candidate.count > 0) {
        case (true, true): nil
        case (true, false): "the candidate"
        case (false, true): "stable"
        case (false, false): "either side"
        }
    }

    /// For example "candidate 31 errors of 1,020 (3.04 %), stable 96 errors of 9,180 (1.05 %), ratio 2.91".
    func described(_ gate: CompareGate, slowerThan edge: Double?) -> String {
        let words = QuantityDescription(gate, slowerThan: edge)
        func side(_ name: String, _ trials: KeyPath<RateBlock, Trials>) -> String {
            let own = "\(name) \(words.text(users[keyPath: trials]))"
            guard let synthetic else { return own }
            return "\(own) and of synthetic requests \(words.text(synthetic[keyPath: trials]))"
        }
        let text = "\(side("candidate", \.candidate)), \(side("stable", \.stable))"
        let byUsers = units.map { describedUnits($0, words) } ?? ""
        // The sum of users' and synthetic requests was not tested, so the ratio is of one of them only.
        guard let ratio = words.ratio(users.compares ? users : synthetic ?? users) else { return text + byUsers }
        return "\(text), \(words.ratioName) \(EvidenceText.number(ratio))\(byUsers)"
    }

    /// For example "; of users by windows of 2 s: candidate 36 errors of 36 (100 %), stable 0 errors of 24 (0 %)".
    private func describedUnits(_ units: RateBlock, _ words: QuantityDescription) -> String {
        guard units.compares else { return "" }
        return
            "; of users by windows of 2 s: candidate \(words.text(units.candidate)), stable \(words.text(units.stable))"
    }

    /// For example "candidate p99 between 250 and 315 ms of 1,020 requests, stable …".
    func described(_ window: LatencyWindow, _ gate: CompareGate, _ quantile: Double) -> String {
        let name = "p\(EvidenceText.number(quantile * 100))"
        func side(_ side: String, _ which: LatencyWindow.Side, _ trials: KeyPath<RateBlock, Trials>) -> String {
            let requests = EvidenceText.count(Int(countable: users[keyPath: trials].count), "request")
            let own = "\(side) \(name) \(window.described(quantile, which)) of \(requests)"
            guard let synthetic else { return own }
            return "\(own) and \(EvidenceText.count(synthetic[keyPath: trials].count)) synthetic"
        }
        return "\(side("candidate", .candidate, \.candidate)), \(side("stable", .stable, \.stable))"
    }
}

/// The text of a quantity of one side.
private struct QuantityDescription {
    private let noun: String
    private let unit: String
    /// Set if values are summed instead of units counted.
    private let meanOf: Double?
    private let isShortfall: Bool

    init(_ gate: CompareGate, slowerThan edge: Double?) {
        switch gate.quantity {
        case .requests(let metric, _):
            noun = metric == .slow ? "slower than \(EvidenceText.seconds(edge ?? 0))" : metric.rawValue
            (unit, meanOf, isShortfall) = ("", nil, false)
        case .counters(let ratio):
            noun = ratio.noun
            unit = " \(ratio.unit)"
            let sumsValues = ratio.maximum != 1 || ratio.source == MetricSourceName.outcomes
            meanOf = sumsValues ? ratio.maximum : nil
            isShortfall = ratio.better == .higher
        }
    }

    func text(_ trials: Trials) -> String {
        let count = EvidenceText.count(trials.count)
        if let meanOf {
            let mean = trials.count > 0 ? EvidenceText.number(trials.successes / trials.count * meanOf) : "none"
            return "mean \(noun) \(mean) of \(count)\(unit)"
        }
        let hits = trials.successes
        let counted = hits == hits.rounded() ? EvidenceText.count(hits) : EvidenceText.number(hits)
        let share = trials.count > 0 ? EvidenceText.percent(hits / trials.count) : "none"
        let noun = counted == "1" && noun == CompareGate.Metric.errors.rawValue ? "error" : noun
        return "\(counted) \(noun) of \(count)\(unit) (\(share))"
    }

    var ratioName: String { isShortfall ? "ratio of shortfalls" : "ratio" }

    func ratio(_ block: RateBlock) -> Double? {
        let tested =
            isShortfall ? RateBlock(stable: block.stable.shortfall, candidate: block.candidate.shortfall) : block
        guard block.compares, tested.stable.successes > 0 else { return nil }
        return tested.candidate.successes / tested.candidate.count * tested.stable.count / tested.stable.successes
    }
}
