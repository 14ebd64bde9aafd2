import Foundation
import TestSupport

/// Simulates 100,000 deployments with faults, by seed. None may violate a property.
enum SimulatedRollouts {
    static let seeds: UInt64 = 100_000
    static let ticks = 250
    static let violationsShown = 20

    static func run(mlctl: URL) async throws -> [Figure] {
        let workers = UInt64(max(1, ProcessInfo.processInfo.activeProcessorCount))
        let started = ContinuousClock.now
        print("  seeds 1 to \(seeds), \(ticks) looks each")
        let violations = await withTaskGroup(of: [String].self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var found: [String] = []
                    for seed in stride(from: worker + 1, through: seeds, by: Int(workers)) {
                        for violation in RolloutSimulation.run(seed: seed, ticks: ticks) {
                            found.append(violation)
                            if found.count <= violationsShown { print("  \(violation)") }
                        }
                        if worker == 0, seed % 10_000 < workers {
                            print("  seed \(seed), \(found.count) violations")
                            fflush(nil)
                        }
                    }
                    return found
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        let elapsed = started.duration(to: .now) / .seconds(1)
        return [
            Figure(
                what: "properties of rollouts that a simulation broke, of \(seeds) seeds in \(text(elapsed)) s",
                goal: "0", measured: "\(violations.count)", isMet: violations.isEmpty)
        ]
    }
}
