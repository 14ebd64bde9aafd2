import Foundation
import ModelManifests

/// The verdict of one gate about one stream. `mlctl replay` writes it as one JSON object per line.
package struct ReplayVerdict: Codable, Hashable, Sendable {
    package var stream: String
    package var gate: String
    package var verdict: Verdict
    /// The first time at which the gate failed, else the first at which it passed, else the last of the stream.
    package var t: Double
    /// The candidate's samples at that time.
    package var samples: Int
    package var reason: String
}

/// Runs a manifest's gates over recorded metrics: the same tests as in a rollout, with each stream as a rollout of its
/// own.
///
/// Memory is bounded by the number of streams and gates, not of lines. Lines that are out of order, repeated, fallen or
/// impossible are not evidence. A count that is not a whole number (text, NaN, 1e300) is treated as missing.
package struct Replay: Sendable {
    /// The most bytes in a line. A reading has a few kilobytes.
    package static let lineLimitBytes = 1 << 20

    private struct Stream: Sendable {
        var name: String
        var last: Double
        var tracks: [ReplayTrack]
    }

    private let gates: [GateSpec]
    private let falseRollbackRate: Double
    private let missedRegressionRate: Double
    private let slices: [TrafficSlice]
    private var streams: [Stream] = []
    private var indexByName: [String: Int] = [:]
    private var lineNumber = 0
    private let decoder = JSONDecoder()

    package init(
        gates: [GateSpec], falseRollbackRate: Double, missedRegressionRate: Double, slices: [TrafficSlice] = []
    ) {
        self.slices = slices
        self.gates = gates
        self.falseRollbackRate = falseRollbackRate
        self.missedRegressionRate = missedRegressionRate
    }

    /// - Throws: `ReplayError` for the first line that cannot be read.
    package static func run(
        gates: [GateSpec], falseRollbackRate: Double, missedRegressionRate: Double, slices: [TrafficSlice] = [],
        lines: some Sequence<some StringProtocol>
    ) throws -> [ReplayVerdict] {
        var replay = Replay(
            gates: gates, falseRollbackRate: falseRollbackRate, missedRegressionRate: missedRegressionRate,
            slices: slices)
        for line in lines { try replay.absorb(line: line) }
        return replay.verdicts
    }

    /// Uses a manifest's gates and rates.
    package static func run(
        rollout: RolloutSpec, lines: some Sequence<some StringProtocol>
    ) throws -> [ReplayVerdict] {
        try run(
            gates: rollout.gates, falseRollbackRate: rollout.falseRollbackRate,
            missedRegressionRate: rollout.missedRegressionRate, slices: rollout.slices, lines: lines)
    }

    /// Reads the next line of text. An empty line is skipped, but counted.
    package mutating func absorb(line text: some StringProtocol) throws {
        lineNumber += 1
        guard text.utf8.count <= Self.lineLimitBytes else {
            throw ReplayError(
                line: lineNumber, message: "longer than \(Self.lineLimitBytes >> 20) MiB: write one reading per line")
        }
        guard text.contains(where: { !$0.isWhitespace }) else { return }
        let line: ReplayLine
        do {
            line = try decode(Data(text.utf8), hasBareWords: text.contains("NaN") || text.contains("Infinity"))
        } catch {
            throw ReplayError(line: lineNumber, error)
        }
        if let number = JSONCountLimits.excess(in: text.utf8) {
            throw ReplayError(line: lineNumber, message: "\(number) is too large for a count (the limit is 2⁵³)")
        }
        guard line.t.isFinite else { throw ReplayError(line: lineNumber, message: "\"t\" should be a number") }
        absorb(line)
    }

    /// - Parameter hasBareWords: whether the text contains NaN or Infinity. They are not JSON, but some programs write
    ///   them. They count as missing values, and the line is still read.
    private func decode(_ text: Data, hasBareWords: Bool) throws -> ReplayLine {
        do {
            return try decoder.decode(ReplayLine.self, from: text)
        } catch DecodingError.dataCorrupted(let context) where hasBareWords && context.codingPath.isEmpty {
            // Only these words of JSON5 are accepted; numbers and texts must be those of JSON.
            let others = ["'", "0x", "0X"].map { Data($0.utf8) }
            if others.contains(where: { text.firstRange(of: $0) != nil }) { throw DecodingError.dataCorrupted(context) }
            let lenient = JSONDecoder()
            lenient.allowsJSON5 = true
            return try lenient.decode(ReplayLine.self, from: text)
        }
    }

    /// Takes a line that was read. A line whose time is not after the stream's last is not evidence.
    package mutating func absorb(_ line: ReplayLine) {
        let index: Int
        if let known = indexByName[line.stream] {
            index = known
            guard line.t > streams[index].last else { return }
            streams[index].last = line.t
        } else {
            index = streams.count
            indexByName[line.stream] = index
            streams.append(open(line))
        }
        for track in streams[index].tracks.indices { streams[index].tracks[track].absorb(line) }
    }

    /// In the order of the streams' first lines, then of the gates.
    package var verdicts: [ReplayVerdict] {
        streams.flatMap { stream in stream.tracks.map { $0.result(stream: stream.name, last: stream.last) } }
    }

    private func open(_ line: ReplayLine) -> Stream {
        var judgement = Judgement(
            gates: gates, falseRollbackRate: falseRollbackRate, missedRegressionRate: missedRegressionRate,
            startedAt: Date(timeIntervalSinceReferenceDate: line.t), slices: slices)
        if let latency = line.history?.latency {
            judgement.learn(
                stableHistory: SideCounts(
                    requests: latency.buckets.last ?? 0, latency: latency.buckets, bounds: latency.bounds))
        }
        let tracks = judgement.evidence.map {
            ReplayTrack(evidence: $0, missedRegressionRate: missedRegressionRate)
        }
        return Stream(name: line.stream, last: line.t, tracks: tracks)
    }
}
