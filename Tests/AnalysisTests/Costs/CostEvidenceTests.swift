import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Analysis

@Suite("Evidence of costs")
struct CostEvidenceTests {
    private static let hour = 3600.0

    /// Equal versions of different kinds.
    struct Cell: Sendable, CustomTestStringConvertible {
        var name: String
        var gate = CostGate(.cpuPerRequest)
        var change: @Sendable (inout CostTraffic) -> Void
        var testDescription: String { name }
    }

    static let equal: [Cell] = [
        Cell(name: "half of the traffic each") { $0.weight = 0.5 },
        Cell(name: "weight 5, and 2 % of a core without requests") {
            $0.weight = 0.05
            ($0.stable.idle, $0.candidate.idle) = (0.02, 0.02)
        },
        Cell(name: "weight 90, and 2 % of a core without requests") {
            $0.weight = 0.9
            ($0.stable.idle, $0.candidate.idle) = (0.02, 0.02)
        },
        Cell(name: "three instances of stable, one of the candidate, 10 % of a core without requests") {
            $0.weight = 0.1
            $0.stable.instances = 3
            ($0.stable.idle, $0.candidate.idle) = (0.1, 0.1)
        },
        Cell(name: "a collection of 2 s every 1,000 requests") {
            $0.weight = 0.25
            ($0.stable.collection, $0.candidate.collection) = (2, 2)
        },
        Cell(name: "a collection of 2 s every 2,000 requests, weight 75") {
            $0.weight = 0.75
            ($0.stable.collection, $0.candidate.collection) = (2, 2)
            ($0.stable.requestsPerCollection, $0.candidate.requestsPerCollection) = (2000, 2000)
        },
        Cell(name: "tiny requests, in ticks of the kernel") {
            $0.weight = 0.25
            ($0.stable.perRequest, $0.candidate.perRequest) = (0.0001, 0.0001)
        },
        Cell(name: "memory that rises and falls", gate: CostGate(.memory)) {
            $0.weight = 0.25
            ($0.stable.sawtooth, $0.candidate.sawtooth) = (60, 60)
        },
        Cell(name: "no leak, memory rises and falls", gate: CostGate(.leak)) {
            $0.weight = 0.25
            ($0.stable.sawtooth, $0.candidate.sawtooth) = (60, 60)
        },
        Cell(name: "no leak, memory rises for ten minutes and falls at weight 75", gate: CostGate(.leak)) {
            $0.weight = 0.75
            ($0.stable.sawtooth, $0.candidate.sawtooth) = (200, 200)
            ($0.stable.requestsPerTooth, $0.candidate.requestsPerTooth) = (45_000, 45_000)
        },
        Cell(name: "both leak by their requests", gate: CostGate(.leak)) {
            $0.weight = 0.4
            ($0.stable.megabytesPerRequest, $0.candidate.megabytesPerRequest) = (0.01, 0.01)
        },
    ]

    @Test("an equal version does not fail, however often one looks in an hour", arguments: equal)
    func falseAlarms(_ cell: Cell) {
        var failed = 0
        for seed in 1...20 {
            var traffic = CostTraffic(seed: UInt64(seed))
            cell.change(&traffic)
            if traffic.judge(cell.gate, seconds: Self.hour).failedAt != nil { failed += 1 }
        }
        #expect(failed == 0, "\(failed) of 20 failed: \(cell.name)")
    }

    @Test("an equal version passes, each of the three gates")
    func passes() {
        for metric in CostGate.Metric.allCases {
            var traffic = CostTraffic(seed: 7)
            let (evidence, failedAt) = traffic.judge(CostGate(metric), seconds: 600)
            #expect(evidence.verdict == .pass && failedAt == nil, "\(metric): \(evidence.reason)")
            #expect(evidence.samples > 20_000)
        }
    }

    @Test("twice the CPU per request fails within three minutes, also after ten healthy hours")
    func doubled() throws {
        for (weight, healthy) in [(0.5, 0.0), (0.5, 36_000), (0.9, 0)] {
            var traffic = CostTraffic(seed: 3)
            traffic.weight = weight
            (traffic.stable.idle, traffic.candidate.idle) = (0.01, 0.01)
            let (evidence, failedAt) = traffic.judge(CostGate(.cpuPerRequest), seconds: healthy + 600) {
                if $1 > healthy { $0.candidate.perRequest = 0.016 }
            }
            let late = try #require(failedAt, "weight \(weight): \(evidence.reason)") - healthy
            #expect(late <= 180, "weight \(weight) after \(healthy) s: \(late) s")
        }
    }

    @Test("twice the CPU at weight 5 cannot be distinguished from work without requests, and fails at weight 25")
    func doubledInSteps() throws {
        var traffic = CostTraffic(seed: 5)
        traffic.candidate.perRequest = 0.016
        let (_, failedAt) = traffic.judge(CostGate(.cpuPerRequest), seconds: 900) { traffic, seconds in
            traffic.weight = seconds < 300 ? 0.05 : 0.25
        }
        let at = try #require(failedAt)
        #expect(at > 300 && at < 420, "\(at)")
    }

    @Test("costs of the first requests are left out, and one expensive minute fails nothing")
    func warmUp() {
        var traffic = CostTraffic(seed: 11)
        let (evidence, failedAt) = traffic.judge(CostGate(.cpuPerRequest), seconds: 600) { traffic, seconds in
            let isBusy = seconds <= 30 || (300..<340).contains(seconds)
            traffic.candidate.perRequest = isBusy ? 0.08 : 0.008
        }
        #expect(failedAt == nil && evidence.verdict == .pass, "\(evidence.reason)")
        let impatient = CostGate(.cpuPerRequest, initialDelay: .zero, failureLimit: 1)
        var again = CostTraffic(seed: 11)
        #expect(
            again.judge(impatient, seconds: 60) { $0.candidate.perRequest = $1 <= 30 ? 0.08 : 0.008 }.failedAt != nil)
    }

    @Test("memory that exceeds stable's by more than the tolerance fails; less does not")
    func memory() {
        for (megabytes, fails) in [(200.0, false), (245, false), (300, true), (100, false)] {
            var traffic = CostTraffic(seed: 13)
            traffic.candidate.megabytes = megabytes
            let (evidence, failedAt) = traffic.judge(CostGate(.memory), seconds: 600)
            #expect((failedAt != nil) == fails, "\(megabytes): \(evidence.reason)")
        }
    }

    @Test("a leak of 1 MiB per request, or of 300 MiB an hour, fails; one jump, and a cache that fills up, do not")
    func leaks() throws {
        var fast = CostTraffic(seed: 17)
        fast.candidate.megabytesPerRequest = 1
        let soon = try #require(fast.judge(CostGate(.leak), seconds: 600).failedAt)
        #expect(soon <= 240, "\(soon)")
        var slow = CostTraffic(seed: 17)
        slow.candidate.megabytesPerHour = 300
        #expect(slow.judge(CostGate(.leak), seconds: 1200).failedAt != nil)
        var late = CostTraffic(seed: 17)
        let after = late.judge(CostGate(.leak), seconds: 36_000 + 900) {
            if $1 > 36_000 { $0.candidate.megabytesPerHour = 1000 }
        }
        #expect(after.failedAt != nil, "after a long healthy past: \(after.evidence.reason)")
        var jump = CostTraffic(seed: 17)
        #expect(
            jump.judge(CostGate(.leak), seconds: Self.hour) { traffic, seconds in
                if seconds == 120 { traffic.candidate.megabytes += 150 }
            }.failedAt == nil)
        var cache = CostTraffic(seed: 17)
        let filled = cache.judge(CostGate(.leak), seconds: Self.hour) { traffic, seconds in
            traffic.candidate.megabytes = 300 - 100 * exp(-seconds / 40)
        }
        #expect(filled.failedAt == nil && filled.evidence.verdict == .pass, "\(filled.evidence.reason)")
    }

    @Test("without costs of a side, or without requests, nothing is decided, and the reason says why")
    func nothing() {
        var evidence = GateEvidence(spec: GateSpec(name: "c", kind: .cost(CostGate(.cpuPerRequest))), alpha: 0)
        func look(_ seconds: Double, _ stable: SideCounts, _ candidate: SideCounts) {
            evidence.absorb(
                Interval(at: Date(timeIntervalSinceReferenceDate: seconds), stable: stable, candidate: candidate),
                missedRegressionRate: 0.05)
        }
        func counts(_ requests: Double) -> SideCounts {
            SideCounts(named: [
                CostCounter.instanceSeconds: 10, CostCounter.cpuSeconds: 0.1, CostCounter.requests: requests,
            ])
        }
        look(0, SideCounts(requests: 5), SideCounts(requests: 5))
        #expect(evidence.reason.hasPrefix("waits 30 s for the candidate to settle"))
        look(40, counts(100), SideCounts(requests: 5))
        #expect(evidence.reason.hasPrefix("CPU and memory of one side are not measured yet"))
        for turn in 1...20 { look(40 + Double(turn) * 10, counts(100), counts(0)) }
        #expect(evidence.verdict == .insufficient && evidence.reason == "no requests of the candidate yet")
        #expect(evidence.samples == 0)
    }

    @Test("reasons use common units")
    func words() {
        var traffic = CostTraffic(seed: 19)
        traffic.candidate.perRequest = 0.016
        let failed = traffic.judge(CostGate(.cpuPerRequest), seconds: 600).evidence.reason
        #expect(failed.contains("ms of CPU a request") && failed.contains("ratio 2"), "\(failed)")
        #expect(
            failed.hasSuffix(
                "more than 25 % above stable in 6 blocks in a row of 6, and the gate fails with more than 5"),
            "\(failed)"
        )
        var larger = CostTraffic(seed: 19)
        larger.candidate.megabytes = 400
        let memory = larger.judge(CostGate(.memory), seconds: 600).evidence.reason
        #expect(memory.hasPrefix("candidate 400 MiB an instance, stable 200 MiB, ratio 2"), "\(memory)")
        var leaking = CostTraffic(seed: 19)
        leaking.candidate.megabytesPerHour = 2048
        let leak = leaking.judge(CostGate(.leak), seconds: 600).evidence.reason
        #expect(leak.hasPrefix("memory grows by 2") && leak.contains("GiB an hour"), "\(leak)")
    }

    @Test(
        "the evidence stays under 2 KiB, and continues from a record", arguments: CostGate.Metric.allCases)
    func record(_ metric: CostGate.Metric) throws {
        var traffic = CostTraffic(seed: 23)
        (traffic.stable.megabytes, traffic.candidate.megabytes) = (123_456.7, 234_567.8)
        traffic.rate = 12_345.6
        let evidence = traffic.judge(CostGate(metric, failureLimit: 10_000), seconds: Self.hour).evidence
        let data = try JSONEncoder().encode(evidence)
        #expect(data.count < 2048, "\(data.count)")
        #expect(try JSONDecoder().decode(GateEvidence.self, from: data) == evidence)
    }

    @Test("another limit of blocks keeps the evidence; another tolerance starts again")
    func adopting() {
        var traffic = CostTraffic(seed: 29)
        let evidence = traffic.judge(CostGate(.memory), seconds: 600).evidence
        func spec(_ gate: CostGate) -> GateSpec { GateSpec(name: "gate", kind: .cost(gate)) }
        #expect(evidence.adopting(spec(CostGate(.memory, failureLimit: 9)))?.samples == evidence.samples)
        #expect(evidence.adopting(spec(CostGate(.memory, maxRelativeIncrease: 0.5))) == nil)
        #expect(evidence.adopting(spec(CostGate(.leak))) == nil)
    }
}
