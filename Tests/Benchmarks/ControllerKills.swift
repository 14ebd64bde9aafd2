import Commands
import Demo
import Foundation
import TestSupport

/// Kills the controller with `kill -9` during rollouts under load, at different moments.
enum ControllerKills {
    static let kills = 20
    static let seed: UInt64 = 20_261_121

    static func run(mlctl: URL) async throws -> [Figure] {
        print("  seed \(seed)")
        var random = SeededRandom(seed: seed)
        let installation = try Installation(executable: mlctl)
        defer { try? installation.close() }
        let steps = "[{setWeight: 10}, {pause: {duration: 2s}}, {setWeight: 50}, {setWeight: 100}]"
        try installation.commit(["model.yaml": RolloutTimes.manifest(installation, "good-0", steps: steps)])
        try await installation.start()
        let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
        guard let endpoint = status.endpoint else { throw BenchmarkError("no endpoint") }
        let load = SteadyLoad(ratePerSecond: 200)
        var (rollouts, killed) = (0, 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await load.run(against: endpoint) }
            defer { group.cancelAll() }
            while killed < kills {
                rollouts += 1
                let version = "good-\(rollouts)"
                try installation.commit(["model.yaml": RolloutTimes.manifest(installation, version, steps: steps)])
                try await installation.sync()
                while killed < kills, try await installation.status("model")?.stable?.version != version {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...1500, using: &random)))
                    installation.killController()
                    killed += 1
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...300, using: &random)))
                    try await installation.start()
                }
                try await installation.wait("model", for: "\(version) is promoted") {
                    $0.phase == .healthy && $0.stable?.version == version
                }
            }
        }
        let again = (0...rollouts).map { installation.starts(of: "good-\($0)") - 1 }.reduce(0, +)
        let failed = load.broken + load.errors
        return [
            Figure(
                what: "kill -9 of the controller in mid-rollout, \(killed) times",
                goal: "0 failed requests, 0 loaded again, all promoted",
                measured: "\(failed) of \(load.total) failed, \(again) loaded again, all \(rollouts) promoted",
                isMet: failed == 0 && again == 0)
        ]
    }
}
