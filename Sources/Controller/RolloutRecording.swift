import Analysis
import Foundation
import ModelManifests

/// Sums what became evidence in one rollout, and says when the sums are to be kept. Pure.
///
/// Intervals are what gates learn from; their running sums are what counters would have read, had there been nothing but
/// evidence. Judged again, they give the same evidence: look by look at first, at coarser looks in a long rollout.
struct RolloutRecording: Equatable, Sendable {
    /// Between two readings, at least this share of the rollout's age: two looks a second make twelve thousand in a year.
    static let spacingShare = 0.001
    /// Between two writes, at least this.
    static let writeSeconds = 1.0

    private struct Sums: Equatable {
        var stable = SideCounts()
        var candidate = SideCounts()
        var t = 0.0
        var isChanged = false
    }

    let identity: RecordedRollout.Identity
    private var sums: [String: Sums] = [:]
    private var readAt: Double
    private var writtenAt: Double
    private var waiting: [RecordedReading] = []

    /// - Parameter last: of each source, the last reading that was kept.
    init(_ identity: RecordedRollout.Identity, resumingAt last: [RecordedReading] = []) {
        self.identity = identity
        readAt = last.map(\.t).max() ?? -.infinity
        writtenAt = readAt
        for reading in last {
            sums[reading.source] = Sums(stable: reading.stable, candidate: reading.candidate, t: reading.t)
        }
    }

    /// - Parameter isDecisive: a verdict fell: what it fell on is kept, however soon.
    /// - Returns: what is to be written now.
    mutating func absorb(_ intervals: [Interval], isDecisive: Bool) -> [RecordedReading] {
        for interval in intervals {
            var sum = sums[interval.source] ?? Sums()
            sum.t = max(sum.t, interval.at.timeIntervalSince(identity.startedAt))
            if interval.stable != SideCounts() || interval.candidate != SideCounts() {
                sum.stable.addLater(interval.stable)
                sum.candidate.addLater(interval.candidate)
                sum.isChanged = true
            }
            sums[interval.source] = sum
        }
        let now = sums.values.map(\.t).max() ?? 0
        if isDecisive || now >= readAt + now * Self.spacingShare { read(at: now) }
        guard isDecisive || now >= writtenAt + Self.writeSeconds, !waiting.isEmpty else { return [] }
        writtenAt = now
        defer { waiting = [] }
        return waiting
    }

    private mutating func read(at now: Double) {
        for (source, sum) in sums.sorted(by: { $0.key < $1.key }) where sum.isChanged {
            waiting.append(RecordedReading(t: sum.t, source: source, stable: sum.stable, candidate: sum.candidate))
            sums[source]?.isChanged = false
            readAt = now
        }
    }
}

extension SideCounts {
    /// The same side's, of later: its windows of users are others.
    fileprivate mutating func addLater(_ later: SideCounts) {
        let windows = (users?.windows ?? 0) + (later.users?.windows ?? 0)
        add(later)
        users?.windows = windows
    }
}
