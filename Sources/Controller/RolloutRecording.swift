import Analysis
import ControlPorts
import Foundation
import ModelManifests

/// Sums the evidence of one rollout, and decides when to store the sums. Pure.
///
/// Intervals are what gates learn from. Their running sums are what counters would have shown if they had counted only evidence.
/// Judged again, they give the same evidence; in a long rollout, with fewer looks.
struct RolloutRecording: Equatable, Sendable {
    /// The minimum time between two readings, as a share of the rollout's age: two looks per second give twelve thousand readings
    /// in a year.
    static let spacingShare = 0.001
    /// The minimum time between two writes.
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

    /// - Parameter last: the last stored reading of each source.
    init(_ identity: RecordedRollout.Identity, resumingAt last: [RecordedReading] = []) {
        self.identity = identity
        readAt = last.map(\.t).max() ?? -.infinity
        writtenAt = readAt
        for reading in last {
            sums[reading.source] = Sums(stable: reading.stable, candidate: reading.candidate, t: reading.t)
        }
    }

    /// - Parameter isDecisive: whether there was a verdict; its evidence is stored in any case.
    /// - Returns: the readings to write now.
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
    /// Adds counts of the same side from a later time. Their windows of users are different ones, so they add up.
    fileprivate mutating func addLater(_ later: SideCounts) {
        let windows = (users?.windows ?? 0) + (later.users?.windows ?? 0)
        add(later)
        users?.windows = windows
    }
}
