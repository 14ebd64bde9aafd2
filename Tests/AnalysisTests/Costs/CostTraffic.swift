import Foundation
import ModelManifests
import TestSupport

@testable import Analysis

/// The costs of two versions, from a seed: requests by weight, the server's work without requests, and a garbage
/// collector that runs now and then.
struct CostTraffic {
    var draws: SeededDraws
    /// Requests of both sides together, per second.
    var rate = 100.0
    var weight = 0.5
    var secondsOfLook = 5.0
    var stable = Server()
    var candidate = Server()

    struct Server {
        var instances = 1
        /// In CPU seconds.
        var perRequest = 0.008
        /// As a share of a core, for each instance.
        var idle = 0.0
        /// The CPU seconds of one collection, and the mean number of requests between two.
        var collection = 0.0
        var requestsPerCollection = 1000.0
        /// For each instance.
        var megabytes = 200.0
        var megabytesPerHour = 0.0
        var megabytesPerRequest = 0.0
        /// The height of a sawtooth, and the requests of one instance from one drop to the next.
        var sawtooth = 0.0
        var requestsPerTooth = 5000.0
        /// The noise of one reading of memory.
        var noise = 0.2
        /// As the kernel counts: in ticks.
        fileprivate var used = 0.0
        fileprivate var told = 0.0
        fileprivate var requests = 0.0

        fileprivate mutating func look(_ count: Int, seconds: Double, _ draws: inout SeededDraws) -> SideCounts {
            let collections = draws.binomial(count, min(1 / requestsPerCollection, 1))
            used += Double(count) * perRequest + idle * seconds * Double(instances) + Double(collections) * collection
            requests += Double(count)
            megabytes += megabytesPerHour * seconds / 3600 + megabytesPerRequest * Double(count) / Double(instances)
            let phase = (requests / Double(instances) / requestsPerTooth).truncatingRemainder(dividingBy: 1)
            let held = megabytes + sawtooth * phase + noise * (draws.uniform() - 0.5)
            let now = (used * 100).rounded(.down) / 100
            defer { told = now }
            let measured = seconds * Double(instances)
            return SideCounts(named: [
                CostCounter.cpuSeconds: now - told, CostCounter.instanceSeconds: measured,
                CostCounter.memoryByteSeconds: held * 1_048_576 * measured, CostCounter.requests: Double(count),
            ])
        }
    }

    init(seed: UInt64) { draws = SeededDraws(seed: seed) }

    mutating func look(at seconds: Double) -> Interval {
        let slots = Int(rate * secondsOfLook * 1.5)
        let count = draws.binomial(slots, 1 / 1.5)
        let sent = draws.binomial(count, weight)
        let stable = self.stable.look(count - sent, seconds: secondsOfLook, &draws)
        let candidate = self.candidate.look(sent, seconds: secondsOfLook, &draws)
        return Interval(at: Date(timeIntervalSinceReferenceDate: seconds), stable: stable, candidate: candidate)
    }

    /// Looks until the gate fails.
    ///
    /// - Parameter change: what happens before a look, by its time.
    /// - Returns: the evidence, and when the gate failed.
    mutating func judge(
        _ gate: CostGate, seconds limit: Double, change: (inout CostTraffic, Double) -> Void = { _, _ in }
    ) -> (evidence: GateEvidence, failedAt: Double?) {
        var evidence = GateEvidence(
            spec: GateSpec(name: "gate", kind: .cost(gate)), alpha: 0,
            startedAt: Date(timeIntervalSinceReferenceDate: 0))
        var seconds = 0.0
        while seconds < limit {
            seconds += secondsOfLook
            change(&self, seconds)
            evidence.absorb(look(at: seconds), missedRegressionRate: 0.05)
            if evidence.verdict == .fail { return (evidence, seconds) }
        }
        return (evidence, nil)
    }
}
