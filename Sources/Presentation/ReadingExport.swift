import Analysis
import ControlPorts
import Foundation
import ModelManifests

/// The readings of a past rollout as lines for `mlctl replay`.
///
/// Counters of other sources are added to the proxy's counters, under their own names. A model server also counts requests;
/// its counters are a separate stream, `STREAM/server`.
package struct ReadingExport {
    /// A reading of zeros comes this long before the first reading of a stream, so that the first reading counts too.
    package static let leadSeconds = 0.5

    private struct Pending {
        var t: Double
        var bySource: [String: RecordedReading]
    }

    package let stream: String
    private var pending: [String: Pending] = [:]
    private var history: RecordedReading?

    package init(_ rollout: RecordedRollout) {
        let start = RelativeTime.clock(rollout.identity.startedAt)
        stream = "\(rollout.identity.deployment)@\(rollout.identity.revision) \(start)"
    }

    /// Adds the next readings, in order.
    /// - Returns: the lines that are now complete.
    package mutating func lines(_ readings: [RecordedReading]) throws -> [String] {
        var lines: [String] = []
        for reading in readings {
            guard reading.source != Interval.stableHistory else {
                history = reading
                continue
            }
            let name = reading.source == MetricSourceName.server ? "\(stream)/server" : stream
            if let open = pending[name] {
                if reading.t > open.t { lines.append(try line(name, open.t, open.bySource.values.map(\.self))) }
                pending[name]?.t = max(open.t, reading.t)
                pending[name]?.bySource[reading.source] = reading
            } else {
                lines.append(try line(name, reading.t - Self.leadSeconds, [reading.zeroed], history))
                pending[name] = Pending(t: reading.t, bySource: [reading.source: reading])
            }
        }
        return lines
    }

    /// The remaining lines, after the last reading.
    package mutating func rest() throws -> [String] {
        defer { pending = [:] }
        return try pending.sorted { $0.key < $1.key }.map {
            try line($0.key, $0.value.t, $0.value.bySource.values.map(\.self))
        }
    }

    private func line(
        _ stream: String, _ t: Double, _ readings: [RecordedReading], _ history: RecordedReading? = nil
    ) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = ReplayLine(
            stream: stream, t: t, stable: ReplaySide(readings.map(\.stable).reduce(SideCounts(), +)),
            candidate: ReplaySide(readings.map(\.candidate).reduce(SideCounts(), +)),
            history: history.map { ReplaySide($0.stable) })
        return String(decoding: try encoder.encode(line), as: UTF8.self)
    }
}

extension RecordedReading {
    /// The reading with all counters at zero. It keeps the latency bounds and the fields for clumps, so that differences have
    /// them too.
    fileprivate var zeroed: RecordedReading {
        func zeros(_ counts: SideCounts, or other: SideCounts) -> SideCounts {
            let bounds = counts.bounds.isEmpty ? other.bounds : counts.bounds
            return SideCounts(
                latency: bounds.isEmpty ? [] : Array(repeating: 0, count: bounds.count + 1), bounds: bounds,
                errorsTogether: counts.errorsTogether.map { _ in 0 },
                slowTogether: counts.slowTogether.map { $0.map { _ in 0 } })
        }
        return RecordedReading(
            t: t, source: source, stable: zeros(stable, or: candidate), candidate: zeros(candidate, or: stable))
    }
}
