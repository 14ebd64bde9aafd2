import Analysis
import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import TestSupport
import Testing

@testable import Presentation
@testable import Controller

@Suite("Exported readings")
struct ReadingExportTests {
    private let rollout = RecordedRollout(
        number: 1,
        identity: .init(
            deployment: DeploymentKey(namespace: "payments", name: "fraud"), revision: StatusSamples.new, version: "3",
            startedAt: StatusSamples.now), readings: 2)

    private func side(_ requests: Int, errors: Int, named: [String: Double] = [:]) -> SideCounts {
        SideCounts(
            requests: requests, errors: errors, latency: [requests / 2, requests, requests], bounds: [0.1, 0.25],
            named: named)
    }

    private func export(_ readings: [RecordedReading]) throws -> [String] {
        var export = ReadingExport(rollout)
        // In two parts, like pages from the API.
        let half = readings.count / 2
        return try export.lines(Array(readings[..<half])) + export.lines(Array(readings[half...])) + export.rest()
    }

    @Test("begin with zeros, then hold the counts at each time")
    func form() throws {
        let readings = [
            RecordedReading(t: 2.5, stable: side(30, errors: 1), candidate: side(10, errors: 0)),
            RecordedReading(t: 4, stable: side(60, errors: 1), candidate: side(20, errors: 2)),
        ]
        let name = "payments/fraud@bbbbbbbbbb \(RelativeTime.clock(StatusSamples.now))"
        #expect(
            try export(readings) == [
                #"{"candidate":{"errors":0,"latency":{"+Inf":0,"0.1":0,"0.25":0},"rejected":0,"requests":0},"stable":{"errors":0,"latency":{"+Inf":0,"0.1":0,"0.25":0},"rejected":0,"requests":0},"stream":"\#(name)","t":2}"#,
                #"{"candidate":{"errors":0,"latency":{"+Inf":10,"0.1":5,"0.25":10},"rejected":0,"requests":10},"stable":{"errors":1,"latency":{"+Inf":30,"0.1":15,"0.25":30},"rejected":0,"requests":30},"stream":"\#(name)","t":2.5}"#,
                #"{"candidate":{"errors":2,"latency":{"+Inf":20,"0.1":10,"0.25":20},"rejected":0,"requests":20},"stable":{"errors":1,"latency":{"+Inf":60,"0.1":30,"0.25":60},"rejected":0,"requests":60},"stream":"\#(name)","t":4}"#,
            ])
    }

    @Test("hold other sources' counts beside the proxy's counters, and a server's in a separate stream")
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

    @Test("give the original verdict and samples when replayed")
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

    @Test("hold the stable revision's earlier counts, so that frozen bounds are the same")
    func history() throws {
        let gate = GateSpec(name: "slow", kind: .compare(CompareGate(metric: .slow)))
        let before = RecordedReading(
            t: 0, source: Interval.stableHistory, stable: side(1_000, errors: 0), candidate: SideCounts())
        let readings = [RecordedReading(t: 1, stable: side(40, errors: 0), candidate: side(20, errors: 0))]
        func reason(_ readings: [RecordedReading]) throws -> String? {
            try Replay.run(
                gates: [gate], falseRollbackRate: 0.01, missedRegressionRate: 0.05, lines: try export(readings)
            ).first?.reason
        }
        #expect(try reason(readings)?.hasPrefix("waiting for") == true)
        #expect(try reason([before] + readings)?.hasPrefix("candidate 0 slower than 0.25 s of 20") == true)
        #expect(try export([before]).isEmpty)
    }

    // MARK: - Readings that only the proxy has

    private static let bounds = [0.005, 0.1, 1, 2]

    /// Requests without an error, all answered within 5 ms.
    private static func answered(_ count: Int, every: Int? = nil, users: UserCounters? = nil) -> SideCounts {
        SideCounts(
            requests: count, latency: Array(repeating: count, count: 4), bounds: bounds, errorsTogether: 0,
            slowTogether: [0, 0, 0, 0],
            every: every.map { RequestStratum(requests: $0, latency: Array(repeating: $0, count: 4)) }, users: users)
    }

    /// Counts that are judged live and from their export.
    private struct Case: CustomTestStringConvertible {
        var testDescription: String
        var stable: SideCounts
        var candidate: SideCounts
        var fails: [String]
    }

    private static let cases = [
        Case(
            testDescription: "clients that give up", stable: answered(30),
            candidate: SideCounts(
                latency: [0, 0, 0, 0], bounds: bounds, abandoned: [4, 4, 0, 0], errorsTogether: 0,
                slowTogether: [4, 4, 0, 0]), fails: ["slow"]),
        Case(
            testDescription: "a share that it does not serve", stable: answered(30),
            candidate: {
                var counts = answered(2)
                counts.unavailable = 3
                return counts
            }(), fails: ["errors", "limit"]),
        Case(
            testDescription: "users whom it has served before",
            stable: answered(0, every: 90, users: UserCounters(windows: 1, units: 30, slowed: [0, 0, 0, 0])),
            candidate: SideCounts(
                latency: [0, 0, 0, 0], bounds: bounds, errorsTogether: 0, slowTogether: [0, 0, 0, 0],
                every: RequestStratum(requests: 30, errors: 30, latency: [30, 30, 30, 30]),
                users: UserCounters(windows: 1, units: 10, failed: 10, touched: 10, slowed: [0, 0, 0, 0])),
            fails: ["errors", "limit"]),
        Case(
            testDescription: "errors that come together", stable: answered(30),
            candidate: SideCounts(
                requests: 10, errors: 5, latency: [10, 10, 10, 10], bounds: bounds, errorsTogether: 25,
                slowTogether: [0, 0, 0, 0]), fails: ["errors", "limit"]),
    ]

    @Test(
        "give the original verdict again for abandoned requests, for users and for every request", arguments: cases)
    private func whole(_ example: Case) throws {
        let gates = [
            GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors))),
            GateSpec(name: "slow", kind: .compare(CompareGate(metric: .slow))),
            GateSpec(
                name: "limit",
                kind: .threshold(
                    ThresholdGate(metric: .errors, max: 0.2, interval: .seconds(1), window: .seconds(10)))),
        ]
        let start = Date(timeIntervalSince1970: 1_000)
        let identity = RecordedRollout.Identity(
            deployment: rollout.identity.deployment, revision: rollout.identity.revision, version: "3", startedAt: start
        )
        var judgement = Judgement(gates: gates, falseRollbackRate: 0.01, missedRegressionRate: 0.05, startedAt: start)
        var recording = RolloutRecording(identity)
        let history = Interval(
            at: start, source: Interval.stableHistory, stable: Self.answered(1_000), candidate: SideCounts())
        judgement.learn(stableHistory: history.stable)
        var readings = recording.absorb([history], isDecisive: true)
        for second in 1...40 {
            let interval = Interval(
                at: start.addingTimeInterval(Double(second)), stable: example.stable, candidate: example.candidate)
            judgement.absorb(interval)
            readings += recording.absorb([interval], isDecisive: true)
        }
        let live = judgement.evidence
        #expect(live.filter { $0.verdict == .fail }.map(\.spec.name) == example.fails)
        let again = try Replay.run(
            gates: gates, falseRollbackRate: 0.01, missedRegressionRate: 0.05, lines: try export(readings))
        #expect(again.map(\.verdict) == live.map(\.verdict))
        for (replayed, gate) in zip(again, live) where gate.verdict == .fail {
            #expect(replayed.reason == gate.reason, "\(replayed)")
            // A threshold gate continues to count samples after its verdict.
            if gate.spec.name != "limit" { #expect(replayed.samples == gate.samples) }
        }
    }
}
