/// One source of cumulative counters, and how far it has been counted. Resets, late, repeated and impossible readings
/// are normal; none of them is evidence.
///
/// A fall may be a restart (counting goes on from the fallen value) or a late reading (it goes on from before).
/// Whatever follows is counted only where it cannot be counted twice, nor mix two runs.
struct CounterTrack: Codable, Hashable, Sendable {
    enum Step: Hashable, Sendable {
        case increment(SideCounts)
        /// No evidence; counting goes on from this reading.
        case rebased(String)
        /// No evidence; counting goes on from where it was.
        case ignored(String)
    }

    /// After so many readings in a row that do not fit, the source is believed and counting goes on from the last.
    static let misfitLimit = 3

    /// Counted up to here.
    private(set) var counted: SideCounts
    /// The reading that fell, until it is clear what the fall was.
    private var fallen: SideCounts?
    private var misfits = 0

    init(from baseline: SideCounts) { counted = baseline }

    /// A reading that says nothing new.
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
        return misfit(reading, "a jump that counters cannot make")
    }

    private mutating func resume(at reading: SideCounts, after fallen: SideCounts) -> Step {
        if reading.covers(counted) {
            // The fall was a late reading, or a restart that has already overtaken the old run: both lose this interval.
            rebase(to: reading)
            return .rebased("counters back above where they fell from")
        }
        let looksLikeRestart = fallen.requests < counted.requests / 2
        if looksLikeRestart, let increment = reading.increment(since: fallen) {
            rebase(to: reading)
            return .increment(increment)
        }
        self.fallen = reading
        if case .rebased(let reason) = misfit(reading, "counters that stay below where they fell from") {
            return .rebased(reason)
        }
        return .rebased("counters that stay below where they fell from")
    }

    private mutating func misfit(_ reading: SideCounts, _ reason: String) -> Step {
        misfits += 1
        guard misfits >= Self.misfitLimit else { return .ignored(reason) }
        rebase(to: reading)
        return .rebased(reason)
    }

    /// Counting goes on from `reading`: what led to it is not evidence.
    mutating func rebase(to reading: SideCounts) {
        counted = reading
        fallen = nil
        misfits = 0
    }
}
