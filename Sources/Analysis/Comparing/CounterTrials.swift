import ModelManifests

/// One counter over another as trials: a unit of `per` adds between nothing and `maximum` to `of`.
///
/// Some counters are not there before they have counted once (a label of Prometheus), and a misspelt one never is. So a
/// counter that is not there counts as nothing, and nothing is concluded until both sides have shown both counters: to
/// judge only from their first appearance on would begin at an error that was waited for.
struct CounterTrials: Codable, Hashable, Sendable {
    private var stableHas = Presence()
    private var candidateHas = Presence()
    /// Why this interval is no evidence, or nothing can be concluded yet; nil while all is well.
    private(set) var problem: String?

    private struct Presence: Codable, Hashable, Sendable {
        var of = false
        var per = false
        var both: Bool { of && per }
    }

    /// Both sides have shown both counters.
    var isComparable: Bool { stableHas.both && candidateHas.both }

    /// Sums as shares of `maximum`; nil, and a problem, where they cannot be such.
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
    /// Rounding in sums of many decimals.
    private static let slack = 1e-9
    /// No interval has more units: what follows from them could not be written down.
    private static let largest = 1e15

    /// Why no counters can read so; nil where they can.
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

    /// What people call what is counted.
    var noun: String { Self.short(source == MetricSourceName.outcomes ? String(of.dropLast(4)) : of, "value") }
    var unit: String { Self.short(source == MetricSourceName.outcomes ? "outcomes" : per, "units") }

    /// A query of Prometheus is no word.
    private static func short(_ name: String, _ general: String) -> String {
        name.count <= 32 && !name.contains(where: \.isWhitespace) ? name : general
    }
}

extension Trials {
    /// What was missing to the most there could be.
    var shortfall: Trials { Trials(count: count, successes: count - successes) }
}
