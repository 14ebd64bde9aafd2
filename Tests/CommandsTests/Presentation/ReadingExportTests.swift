import Analysis
import Controller
import Foundation
import ModelManifests
import Rollouts
import Testing

@testable import Commands

@Suite("Exported readings")
struct ReadingExportTests {
    private let rollout = RecordedRollout(
        number: 1,
        identity: .init(
            deployment: DeploymentKey(namespace: "payments", name: "fraud"), revision: Samples.new, version: "3",
            startedAt: Samples.now), readings: 2)

    private func side(_ requests: Int, errors: Int, named: [String: Double] = [:]) -> SideCounts {
        SideCounts(
            requests: requests, errors: errors, latency: [requests / 2, requests, requests], bounds: [0.1, 0.25],
            named: named)
    }

    private func export(_ readings: [RecordedReading]) throws -> [String] {
        var export = ReadingExport(rollout)
        // In two parts, as they come over the network.
        let half = readings.count / 2
        return try export.lines(Array(readings[..<half])) + export.lines(Array(readings[half...])) + export.rest()
    }

    @Test("begin with zeros, then say what had been counted at each time")
    func form() throws {
        let readings = [
            RecordedReading(t: 2.5, stable: side(30, errors: 1), candidate: side(10, errors: 0)),
            RecordedReading(t: 4, stable: side(60, errors: 1), candidate: side(20, errors: 2)),
        ]
        let name = "payments/fraud@bbbbbbbbbb \(RelativeTime.clock(Samples.now))"
        #expect(
            try export(readings) == [
                #"{"candidate":{"errors":0,"latency":{"+Inf":0,"0.1":0,"0.25":0},"rejected":0,"requests":0},"stable":{"errors":0,"latency":{"+Inf":0,"0.1":0,"0.25":0},"rejected":0,"requests":0},"stream":"\#(name)","t":2}"#,
                #"{"candidate":{"errors":0,"latency":{"+Inf":10,"0.1":5,"0.25":10},"rejected":0,"requests":10},"stable":{"errors":1,"latency":{"+Inf":30,"0.1":15,"0.25":30},"rejected":0,"requests":30},"stream":"\#(name)","t":2.5}"#,
                #"{"candidate":{"errors":2,"latency":{"+Inf":20,"0.1":10,"0.25":20},"rejected":0,"requests":20},"stable":{"errors":1,"latency":{"+Inf":60,"0.1":30,"0.25":60},"rejected":0,"requests":60},"stream":"\#(name)","t":4}"#,
            ])
    }

    @Test("have what other sources counted beside the proxy's counters, and a server's in a stream of its own")
    func sources() throws {
        let readings = [
            RecordedReading(t: 1, stable: side(30, errors: 1), candidate: side(10, errors: 0)),
            RecordedReading(
                t: 0.5, source: "outcomes", stable: SideCounts(named: ["correct.count": 4]),
                candidate: SideCounts(named: ["correct.count": 2])),
            RecordedReading(t: 2, source: "server", stable: side(3, errors: 0), candidate: side(1, errors: 0)),
            RecordedReading(t: 3, stable: side(60, errors: 1), candidate: side(20, errors: 2)),
        ]
        let lines = try export(readings).map { try JSONDecoder().decode(ReplayLine.self, from: Data($0.utf8)) }
        let own = lines.filter { !$0.stream.hasSuffix("/server") }
        #expect(own.map(\.t) == [0.5, 1, 3])
        #expect(own.map { $0.candidate?.requests } == [0, 10, 20])
        #expect(lines.filter { $0.stream.hasSuffix("/server") }.map(\.t) == [1.5, 2])
        #expect(try export(readings).filter { $0.contains(#""correct.count":2"#) }.count == 2)
    }

    @Test("judged again give the verdict and the samples that were given then")
    func replays() throws {
        let gate = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))
        let start = Date(timeIntervalSince1970: 0)
        var judgement = Judgement(gates: [gate], falseRollbackRate: 0.01, missedRegressionRate: 0.05, startedAt: start)
        var readings: [RecordedReading] = []
        var sums = (stable: side(0, errors: 0), candidate: side(0, errors: 0))
        for second in 1...60 where judgement.verdict != .fail {
            let (stable, candidate) = (side(300, errors: 3), side(100, errors: 4))
            judgement.absorb(
                Interval(at: start.addingTimeInterval(Double(second)), stable: stable, candidate: candidate))
            sums = (sums.stable + stable, sums.candidate + candidate)
            readings.append(RecordedReading(t: Double(second), stable: sums.stable, candidate: sums.candidate))
        }
        let then = try #require(judgement.evidence(of: "errors"))
        #expect(then.verdict == .fail)
        let verdicts = try Replay.run(
            gates: [gate], falseRollbackRate: 0.01, missedRegressionRate: 0.05, lines: try export(readings))
        #expect(verdicts.map(\.verdict) == [.fail])
        #expect(verdicts.map(\.samples) == [then.samples])
        #expect(verdicts.map(\.t) == [Double(readings.count)])
        #expect(verdicts.map(\.reason) == [then.reason])
    }
}
