import ModelManifests
import Testing

@testable import Analysis

@Suite("Costs of a recording")
struct CostReplayTests {
    /// Cumulative counters of twenty minutes: a line every ten seconds, 100 requests on each side.
    private func verdicts(_ gate: CostGate, candidate: Double, without name: String? = nil) throws -> [ReplayVerdict] {
        let lines = (0...120).map { turn -> String in
            func side(_ factor: Double) -> String {
                let counters: [(String, Double)] = [
                    ("requests", Double(turn) * 100), (CostCounter.instanceSeconds, Double(turn) * 10),
                    (CostCounter.cpuSeconds, Double(turn) * factor),
                    (CostCounter.memoryByteSeconds, Double(turn) * 10 * 209_715_200 * factor),
                ]
                let written = counters.filter { $0.0 != name }.map {
                    $0.0 == "requests" ? "\"\($0.0)\": \(Int($0.1))" : "\"\($0.0)\": \($0.1)"
                }
                return "{\(written.joined(separator: ", "))}"
            }
            return "{\"stream\": \"a\", \"t\": \(turn * 10), \"stable\": \(side(1)), \"candidate\": \(side(candidate))}"
        }
        return try Replay.run(
            gates: [GateSpec(name: "cost", kind: .cost(gate))], falseRollbackRate: 0.01, missedRegressionRate: 0.05,
            lines: lines)
    }

    @Test("twice the cost fails and the same cost passes, with the recording's count of requests")
    func judged() throws {
        for metric in [CostGate.Metric.cpuPerRequest, .memory] {
            let failed = try verdicts(CostGate(metric), candidate: 2)
            #expect(failed.map(\.verdict) == [.fail], "\(failed)")
            #expect(try verdicts(CostGate(metric), candidate: 1).map(\.verdict) == [.pass])
        }
    }

    @Test("a missing counter is named")
    func missing() throws {
        let found = try verdicts(CostGate(.cpuPerRequest), candidate: 2, without: CostCounter.cpuSeconds)
        #expect(found.map(\.verdict) == [.insufficient])
        #expect(found.first?.reason.contains("has no \"cpuSeconds\"") == true, "\(found)")
    }
}
