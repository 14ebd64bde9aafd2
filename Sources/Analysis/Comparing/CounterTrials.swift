import ModelManifests

/// One counter divided by another as trials: each unit of `per` adds between 0 and `maximum` to `of`.
///
/// Some counters (labels in Prometheus) do not exist before they have counted once, and a misspelt one never exists. So
/// a missing counter counts as 0, and there is no conclusion until both sides have shown both counters. Judging only
/// from the first appearance on would start at an error that the test waited for.
struct CounterTrials: Codable, Hashable, Sendable {
    private var stableHas = Presence()
    private var candidateHas = Presence()
    /// Why this interval is not evidence, or why no conclusion is possible yet. Nil if nothing is wrong.
    private(set) var problem: String?

    private struct Presence: Codable, Hashable, Sendable {
        var of = false
        var per = false
        var both: Bool { of && per }
    }

    /// Whether both sides have shown both counters.
    var isComparable: Bool { stableHas.both && candidateHas.both }

    /// The sums as shares of `maximum`. Nil, with a problem, if the counters are invalid.
    mutating func block(_ interval: Interval, _ ratio: CounterRatio) -> RateBlock? {
        Self.look(at: interval.stable, ratio, &stableHas)
        Self.look(at: interval.candidate, ratio, &candidateHas)
        problem = absence("stable", stableHas, ratio) ?? absence("candidate", candidateHas, ratio)
        for (side, counts) in [("stable", interval.stable), ("candidate", interval.candidate)] {
            guard let impossibility = ratio.impossibility(counts) else { continue }
            problem = "\(side) reports \(impossibility)"
            return nil
        }
        return RateBlock(stable: ratio.trials(interval.stable), candidate: ratio.trials(interval.candidate))
    }

    private static func look(at counts: SideCounts, _ ratio: CounterRatio, _ presence: inout Presence) {
        if counts.named[ratio.of] != nil { presence.of = true }
        if counts.named[ratio.per] != nil { presence.per = true }
    }

    private func absence(_ side: String, _ presence: Presence, _ ratio: CounterRatio) -> String? {
        if !presence.per { return "\(side) has no counter \"\(ratio.per)\"" }
        return presence.of ? nil : "\(side) has no counter \"\(ratio.of)\""
    }
}

extension CounterRatio {
    /// The relative error that rounding may cause in a sum of many decimals.
    private static let slack = 1e-9
    /// The most units in one interval. Larger numbers could not be stored exactly.
    private static let largest = 1e15

    /// Why these counters are invalid. Nil if they are valid.
    fileprivate func impossibility(_ counts: SideCounts) -> String? {
        if let impossibility = counts.impossibility { return impossibility }
        let (sum, units) = (counts.named[of] ?? 0, counts.named[per] ?? 0)
        guard units <= Self.largest else { return "\(EvidenceText.number(units)) of \"\(per)\" at once" }
        guard sum > maximum * units * (1 + Self.slack) else { return nil }
        return "\(EvidenceText.number(sum)) of \"\(of)\" in \(EvidenceText.number(units)) of \"\(per)\", "
            + "of which each can add \(EvidenceText.number(maximum)) at most"
    }

    /// As a share of `maximum`, so that every unit is in 0…1.
    fileprivate func trials(_ counts: SideCounts) -> Trials {
        let units = counts.named[per] ?? 0
        return Trials(count: units, successes: min((counts.named[of] ?? 0) / maximum, units))
    }

    /// The name of what is counted, for people.
    var noun: String { Self.short(source == MetricSourceName.outcomes ? String(of.dropLast(4)) : of, "value") }
    var unit: String { Self.short(source == MetricSourceName.outcomes ? "outcomes" : per, "units") }

    /// A Prometheus query is too long to be a name.
    private static func short(_ name: String, _ general: String) -> String {
        name.count <= 32 && !name.contains(where: \.isWhitespace) ? name : general
    }
}

extension Trials {
    /// How much is missing to the largest possible sum.
    var shortfall: Trials { Trials(count: count, successes: count - successes) }
}
