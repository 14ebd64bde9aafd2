import Analysis
import Foundation
import Serving

/// What the users of one deployment sent over the last minutes, from the cumulative counters of its instances. Pure.
///
/// A restarted counter, an instance that is gone and a missing reading add nothing, so the number is never too high.
struct RecentTraffic: Hashable, Sendable {
    /// What is forgotten.
    static let windowSeconds = 300.0
    /// Marks are at least this far apart: a deployment keeps at most a dozen.
    static let spacingSeconds = 30.0

    private struct Counts: Hashable, Sendable {
        var requests = 0
        var errors = 0
        var rejected = 0
    }

    private struct Mark: Hashable, Sendable {
        var at: Date
        var counts: Counts
    }

    private struct Counter: Hashable, Sendable {
        var instance: String
        var epoch: String
    }

    /// As last read, of each instance.
    private var last: [Counter: Counts] = [:]
    private var sum = Counts()
    private var marks: [Mark] = []
    private var readAt: Date?

    mutating func note(_ readings: [Reading], at now: Date) {
        var next: [Counter: Counts] = [:]
        for reading in readings where reading.split == nil && reading.cost == nil {
            let counted = reading.counters.every
            let counts = Counts(
                requests: counted?.requests ?? reading.counters.requests,
                errors: counted?.errors ?? reading.counters.errors,
                rejected: counted?.rejected ?? reading.counters.rejected)
            let counter = Counter(instance: reading.instance, epoch: reading.epoch)
            next[counter] = counts
            // What an instance had counted before it was first seen may be from any time.
            guard let before = last[counter] else { continue }
            sum.requests += max(0, counts.requests - before.requests)
            sum.errors += max(0, counts.errors - before.errors)
            sum.rejected += max(0, counts.rejected - before.rejected)
        }
        last = next
        // After a long silence it is not known when the requests came.
        if let readAt, now.timeIntervalSince(readAt) > Self.windowSeconds { marks = [] }
        readAt = now
        marks.removeAll { now.timeIntervalSince($0.at) > Self.windowSeconds }
        if marks.last.map({ now.timeIntervalSince($0.at) >= Self.spacingSeconds }) ?? true {
            marks.append(Mark(at: now, counts: sum))
        }
    }

    /// Nil before two readings.
    var rate: TrafficRate? {
        guard let first = marks.first, let readAt, readAt > first.at else { return nil }
        return TrafficRate(
            requests: sum.requests - first.counts.requests, errors: sum.errors - first.counts.errors,
            rejected: sum.rejected - first.counts.rejected, seconds: readAt.timeIntervalSince(first.at))
    }
}
