import Analysis
import Controller
import Foundation
import ModelManifests

/// A past rollout's readings in the form that `mlctl replay` reads: cumulative counters of both sides, one object a line.
///
/// What sources say beside the proxy's own counters stands beside them, under its name. A model server counts requests
/// too: those are a stream of their own, `STREAM/server`.
struct ReadingExport {
    /// Before the first reading of a stream, one of zeros: the first counts too.
    static let leadSeconds = 0.5

    private struct Pending {
        var t: Double
        var bySource: [String: RecordedReading]
    }

    let stream: String
    private var pending: [String: Pending] = [:]

    init(_ rollout: RecordedRollout) {
        let start = RelativeTime.clock(rollout.identity.startedAt)
        stream = "\(rollout.identity.deployment)@\(rollout.identity.revision) \(start)"
    }

    /// Takes the next readings, in order.
    /// - Returns: the lines that are complete with them.
    mutating func lines(_ readings: [RecordedReading]) throws -> [String] {
        var lines: [String] = []
        for reading in readings {
            let name = reading.source == MetricSourceName.server ? "\(stream)/server" : stream
            if let open = pending[name] {
                if reading.t > open.t { lines.append(try line(name, open.t, open.bySource.values.map(\.self))) }
                pending[name]?.t = max(open.t, reading.t)
                pending[name]?.bySource[reading.source] = reading
            } else {
                lines.append(try line(name, reading.t - Self.leadSeconds, [reading.zeroed]))
                pending[name] = Pending(t: reading.t, bySource: [reading.source: reading])
            }
        }
        return lines
    }

    /// What is left once there are no more readings.
    mutating func rest() throws -> [String] {
        defer { pending = [:] }
        return try pending.sorted { $0.key < $1.key }.map {
            try line($0.key, $0.value.t, $0.value.bySource.values.map(\.self))
        }
    }

    private func line(_ stream: String, _ t: Double, _ readings: [RecordedReading]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = Line(
            stream: stream, t: t, stable: Side(readings.map(\.stable).reduce(SideCounts(), +)),
            candidate: Side(readings.map(\.candidate).reduce(SideCounts(), +)))
        return String(decoding: try encoder.encode(line), as: UTF8.self)
    }
}

extension RecordedReading {
    /// At the same bounds, so that the difference has latencies.
    fileprivate var zeroed: RecordedReading {
        func zeros(_ counts: SideCounts, or other: SideCounts) -> SideCounts {
            let bounds = counts.bounds.isEmpty ? other.bounds : counts.bounds
            return SideCounts(
                latency: bounds.isEmpty ? [] : Array(repeating: 0, count: bounds.count + 1), bounds: bounds)
        }
        return RecordedReading(
            t: t, source: source, stable: zeros(stable, or: candidate), candidate: zeros(candidate, or: stable))
    }
}

private struct Line: Encodable {
    var stream: String
    var t: Double
    var stable: Side
    var candidate: Side
}

/// A side's counters as members of one object.
private struct Side: Encodable {
    private enum Member: Encodable {
        case count(Int)
        case number(Double)
        case buckets([Int])
        case map([String: Int])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .count(let value): try container.encode(value)
            case .number(let value): try container.encode(value)
            case .buckets(let value): try container.encode(value)
            case .map(let value): try container.encode(value)
            }
        }
    }

    private var members: [String: Member]

    init(_ counts: SideCounts) {
        members = counts.named.mapValues(Member.number)
        for (name, buckets) in counts.observed { members[name] = .buckets(buckets) }
        if counts.pairs.pairs > 0 {
            members["pairs"] = .count(counts.pairs.pairs)
            members["disagreements"] = .count(counts.pairs.disagreements)
            members["distance"] = .number(counts.pairs.distance)
        }
        members["requests"] = .count(counts.requests)
        members["errors"] = .count(counts.errors)
        members["rejected"] = .count(counts.rejected)
        if !counts.bounds.isEmpty {
            var buckets = Dictionary(zip(counts.bounds, counts.latency).map { ("\($0)", $1) }) { first, _ in first }
            buckets["+Inf"] = counts.latencyTotal
            members["latency"] = .map(buckets)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(members)
    }
}
