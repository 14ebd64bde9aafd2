import Analysis
import Foundation
import ModelManifests

/// Sums what became evidence in one rollout, and says when the sums are to be kept. Pure.
///
/// Intervals are what gates learn from; their running sums are what counters would have read, had there been nothing but
/// evidence. Judged again, the sums give the same evidence, at looks that are a second apart rather than at every one.
struct RolloutRecording: Equatable, Sendable {
    /// Between two readings of one rollout, at least this, and at least a thousandth of its age: a year makes twelve
    /// thousand.
    static let spacingSeconds = 1.0
    static let spacingShare = 0.001

    private struct Sums: Equatable {
        var stable = SideCounts()
        var candidate = SideCounts()
        var t = 0.0
        var isChanged = false
    }

    let identity: RecordedRollout.Identity
    private var sums: [String: Sums] = [:]
    private var keptAt: Double

    /// - Parameter last: of each source, the last reading that was kept.
    init(_ identity: RecordedRollout.Identity, resumingAt last: [RecordedReading] = []) {
        self.identity = identity
        keptAt = last.map(\.t).max() ?? -.infinity
        for reading in last {
            sums[reading.source] = Sums(stable: reading.stable, candidate: reading.candidate, t: reading.t)
        }
    }

    /// - Parameter isDecisive: a verdict fell: what it fell on is kept, however soon.
    /// - Returns: what is to be kept now.
    mutating func absorb(_ intervals: [Interval], isDecisive: Bool) -> [RecordedReading] {
        for interval in intervals {
            var sum = sums[interval.source] ?? Sums()
            sum.t = max(sum.t, interval.at.timeIntervalSince(identity.startedAt))
            if interval.stable != SideCounts() || interval.candidate != SideCounts() {
                sum.stable.add(interval.stable)
                sum.candidate.add(interval.candidate)
                sum.isChanged = true
            }
            sums[interval.source] = sum
        }
        let now = sums.values.map(\.t).max() ?? 0
        guard isDecisive || now >= keptAt + max(Self.spacingSeconds, now * Self.spacingShare) else { return [] }
        let changed = sums.filter { $0.value.isChanged }
        guard !changed.isEmpty else { return [] }
        keptAt = now
        for source in changed.keys { sums[source]?.isChanged = false }
        return changed.sorted { $0.key < $1.key }.map { source, sum in
            RecordedReading(t: sum.t, source: source, stable: sum.stable, candidate: sum.candidate)
        }
    }
}
