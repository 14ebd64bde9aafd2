import Foundation
import ModelManifests

/// What one gate said about one stream. Written by `mlctl replay` as one JSON object a line.
public struct ReplayVerdict: Codable, Hashable, Sendable {
    public var stream: String
    public var gate: String
    public var verdict: Verdict
    /// The first time at which it failed, else the first at which it passed, else the last of the stream.
    public var t: Double
    /// The candidate's, at that time.
    public var samples: Int
    public var reason: String
}

/// A manifest's gates over recorded metrics: the same tests as in a rollout, each stream a rollout of its own.
///
/// Memory is bounded by the number of streams and gates, not of lines. Lines that are out of order, repeated, fallen or
/// impossible are no evidence, and a count that is no whole number (text, NaN, 1e300) is one that is missing.
public struct Replay: Sendable {
    /// A reading is some kilobytes.
    public static let lineLimitBytes = 1 << 20

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

    public init(
        gates: [GateSpec], falseRollbackRate: Double, missedRegressionRate: Double, slices: [TrafficSlice] = []
    ) {
        self.slices = slices
        self.gates = gates
        self.falseRollbackRate = falseRollbackRate
        self.missedRegressionRate = missedRegressionRate
    }

    /// - Throws: `ReplayError` for the first line that cannot be read.
    public static func run(
        gates: [GateSpec], falseRollbackRate: Double, missedRegressionRate: Double, slices: [TrafficSlice] = [],
        lines: some Sequence<some StringProtocol>
    ) throws -> [ReplayVerdict] {
        var replay = Replay(
            gates: gates, falseRollbackRate: falseRollbackRate, missedRegressionRate: missedRegressionRate,
            slices: slices)
        for line in lines { try replay.absorb(line: line) }
        return replay.verdicts
    }

    /// With a manifest's gates and rates.
    public static func run(
        rollout: RolloutSpec, lines: some Sequence<some StringProtocol>
    ) throws -> [ReplayVerdict] {
        try run(
            gates: rollout.gates, falseRollbackRate: rollout.falseRollbackRate,
            missedRegressionRate: rollout.missedRegressionRate, slices: rollout.slices, lines: lines)
    }

    /// Takes the next line of text. An empty line is passed over, and counted.
    public mutating func absorb(line text: some StringProtocol) throws {
        lineNumber += 1
        guard text.utf8.count <= Self.lineLimitBytes else {
            throw ReplayError(
                line: lineNumber, message: "longer than \(Self.lineLimitBytes >> 20) MiB: one reading a line is wanted")
        }
        guard text.contains(where: { !$0.isWhitespace }) else { return }
        let line: ReplayLine
        do {
            line = try decode(Data(text.utf8), hasBareWords: text.contains("NaN") || text.contains("Infinity"))
        } catch {
            throw ReplayError(line: lineNumber, error)
        }
        if let number = CountLiterals.excess(in: text.utf8) {
            throw ReplayError(line: lineNumber, message: "\(number) is more than anybody can have counted (2⁵³)")
        }
        guard line.t.isFinite else { throw ReplayError(line: lineNumber, message: "\"t\" should be a number") }
        absorb(line)
    }

    /// - Parameter hasBareWords: NaN and Infinity are not JSON, but some programs write them: no more than a value that is
    ///   missing, and no reason to lose the line.
    private func decode(_ text: Data, hasBareWords: Bool) throws -> ReplayLine {
        do {
            return try decoder.decode(ReplayLine.self, from: text)
        } catch DecodingError.dataCorrupted(let context) where hasBareWords && context.codingPath.isEmpty {
            // Of JSON5 no more than these words: numbers and texts are those of JSON.
            let others = ["'", "0x", "0X"].map { Data($0.utf8) }
            if others.contains(where: { text.firstRange(of: $0) != nil }) { throw DecodingError.dataCorrupted(context) }
            let lenient = JSONDecoder()
            lenient.allowsJSON5 = true
            return try lenient.decode(ReplayLine.self, from: text)
        }
    }

    /// Takes a line that has been read. One whose time is not after the stream's last is no evidence.
    public mutating func absorb(_ line: ReplayLine) {
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

    /// By the stream's first line, then in the order of the gates.
    public var verdicts: [ReplayVerdict] {
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
