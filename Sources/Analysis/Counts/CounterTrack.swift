/// One source of cumulative counters, and how far it has been counted. Resets and late, repeated or impossible readings
/// are normal, and none of them is evidence.
///
/// A fall may be a restart (counting continues from the lower value) or a late reading (counting continues from
/// before). Later readings are counted only if nothing can be counted twice and no two runs are mixed.
struct CounterTrack: Codable, Hashable, Sendable {
    enum Step: Hashable, Sendable {
        case increment(SideCounts)
        /// Not evidence; counting continues from this reading.
        case rebased(String)
        /// Not evidence; counting continues from the earlier reading.
        case ignored(String)
    }

    /// After this many consecutive readings that do not fit, counting continues from the last one.
    static let misfitLimit = 3

    /// The reading up to which everything is counted.
    private(set) var counted: SideCounts
    /// The reading that fell, until its cause is clear.
    private var fallen: SideCounts?
    private var misfits = 0

    init(from baseline: SideCounts) { counted = baseline }

    /// Whether a reading adds nothing new.
    func isAt(_ reading: SideCounts) -> Bool { reading == counted && fallen == nil && misfits == 0 }

    mutating func advance(to reading: SideCounts) -> Step {
        if let impossibility = reading.impossibility { return .ignored("a reading with \(impossibility)") }
        if let fallen { return resume(at: reading, after: fallen) }
        if let increment = reading.increment(since: counted) {
            rebase(to: reading)
            return .increment(increment)
        }
        if !reading.covers(counted) {
            fallen = reading
            misfits = 1
            return .rebased("counters that fell from \(counted.requests) to \(reading.requests) requests")
        }
        return misfit(reading, "an impossible jump of the counters")
    }

    private mutating func resume(at reading: SideCounts, after fallen: SideCounts) -> Step {
        if reading.covers(counted) {
            // The fall was a late reading, or a restart that has already overtaken the old run. In both cases this
            // interval is lost.
            rebase(to: reading)
            return .rebased("counters that fell and are above their earlier value again")
        }
        let looksLikeRestart = fallen.requests < counted.requests / 2
        if looksLikeRestart, let increment = reading.increment(since: fallen) {
            rebase(to: reading)
            return .increment(increment)
        }
        self.fallen = reading
        if case .rebased(let reason) = misfit(reading, "counters that stay below their earlier value") {
            return .rebased(reason)
        }
        return .rebased("counters that stay below their earlier value")
    }

    private mutating func misfit(_ reading: SideCounts, _ reason: String) -> Step {
        misfits += 1
        guard misfits >= Self.misfitLimit else { return .ignored(reason) }
        rebase(to: reading)
        return .rebased(reason)
    }

    /// Counting continues from `reading`. The difference up to it is not evidence.
    mutating func rebase(to reading: SideCounts) {
        counted = reading
        fallen = nil
        misfits = 0
    }
}
