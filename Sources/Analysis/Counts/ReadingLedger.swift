/// Turns cumulative readings of many instances into increments, with one baseline for each instance and epoch.
package struct ReadingLedger: Codable, Hashable, Sendable {
    /// The most instances; no deployment has more. Beyond that, the instance that was not seen for the longest time is
    /// dropped.
    package static let instanceLimit = 512

    /// The number of earlier epochs of an instance that are remembered, so that a late reading of one is not taken for
    /// a restart.
    package static let pastEpochLimit = 8

    private struct Entry: Codable, Hashable, Sendable {
        var epoch: String
        /// Newest first.
        var pastEpochs: [String] = []
        var track: CounterTrack
        /// The value of `sightings` when the instance last counted something. A look without new counts changes
        /// nothing.
        var seen: Int
        var problem: String?
    }

    private var entries: [String: Entry] = [:]
    private var sightings = 0

    package init() {}

    /// What `instance` added since it was last counted.
    ///
    /// - Parameters:
    ///   - epoch: changes whenever the source starts counting from zero.
    ///   - fromZero: whether the first sighting of an instance, or of an epoch, counts from zero. Otherwise the first
    ///     sighting is the baseline, and what came before (for example its warm-up) is not evidence.
    /// - Returns: zero if the reading is not evidence: repeated, late, fallen or impossible. `problems` has the reason.
    package mutating func increment(
        instance: String, epoch: String, cumulative: SideCounts, fromZero: Bool = false
    ) -> SideCounts {
        if let entry = entries[instance], entry.epoch == epoch, entry.problem == nil, entry.track.isAt(cumulative) {
            return SideCounts()
        }
        sightings += 1
        if var entry = entries[instance], entry.epoch == epoch {
            defer { entries[instance] = entry }
            entry.seen = sightings
            switch entry.track.advance(to: cumulative) {
            case .increment(let increment):
                entry.problem = nil
                return increment
            case .rebased(let reason), .ignored(let reason):
                entry.problem = reason
                return SideCounts()
            }
        }
        if entries[instance]?.pastEpochs.contains(epoch) == true {
            entries[instance]?.problem = "a late reading of an earlier run"
            return SideCounts()
        }
        return open(instance: instance, epoch: epoch, cumulative: cumulative, fromZero: fromZero)
    }

    /// Drops instances that will not come back.
    package mutating func keep(only instances: Set<String>) {
        entries = entries.filter { instances.contains($0.key) }
    }

    /// What was wrong with the last reading of each instance, for people. The next valid reading removes it.
    package var problems: [String: String] { entries.compactMapValues(\.problem) }

    private mutating func open(
        instance: String, epoch: String, cumulative: SideCounts, fromZero: Bool
    ) -> SideCounts {
        if let impossibility = cumulative.impossibility {
            // It cannot be a baseline. The next reading is the first one.
            entries[instance]?.problem = "a reading with \(impossibility)"
            return SideCounts()
        }
        let past = entries[instance].map { Array(([$0.epoch] + $0.pastEpochs).prefix(Self.pastEpochLimit)) } ?? []
        if entries[instance] == nil, entries.count >= Self.instanceLimit,
            let oldest = entries.min(by: { $0.value.seen < $1.value.seen })?.key
        {
            entries[oldest] = nil
        }
        entries[instance] = Entry(
            epoch: epoch, pastEpochs: past, track: CounterTrack(from: cumulative), seen: sightings)
        return fromZero ? cumulative : SideCounts()
    }
}
