import Commands
import Demo
import Foundation
import TestSupport

/// The time from a commit to the candidate's process, and from the first bad answer to restored traffic.
enum RolloutTimes {
    static let starts = 10
    static let aborts = 5

    static func manifest(_ installation: Installation, _ version: String, steps: String) -> String {
        installation.manifest(
            version,
            rollout: """
                    steps: \(steps)
                    gates:
                    - name: errors
                      compare: {metric: errors}
                """)
    }

    static func commitToStart(mlctl: URL) async throws -> [Figure] {
        let installation = try Installation(executable: mlctl)
        defer { try? installation.close() }
        let steps = "[{setWeight: 100}]"
        try installation.commit(["model.yaml": manifest(installation, "good-0", steps: steps)])
        try await installation.start()
        try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
        var times: [Double] = []
        for number in 1...starts {
            let version = "good-\(number)"
            try installation.commit(["model.yaml": manifest(installation, version, steps: steps)])
            let committedAt = ContinuousClock.now
            guard let client = installation.client else { throw BenchmarkError("no controller") }
            async let looked = client.sync()
            while installation.starts(of: version) == 0 { try await Task.sleep(for: .milliseconds(1)) }
            times.append((ContinuousClock.now - committedAt).ms)
            _ = try await looked
            try await installation.wait("model", for: "\(version) prepares") { $0.candidate?.version == version }
            _ = try installation.mlctl("promote", "model", "-n", "test", "--full")
            try await installation.wait("model", for: "\(version) serves") { $0.stable?.version == version }
        }
        let worst = times.max() ?? .nan
        return [
            Figure(
                what: "commit (with mlctl sync) to candidate process started", goal: "under 300 ms",
                measured: "median \(text(times.median)) ms, worst of \(starts) \(text(worst)) ms",
                isMet: times.median < 300)
        ]
    }

    static func badToRestored(mlctl: URL) async throws -> [Figure] {
        var times: [Double] = []
        for round in 1...aborts {
            let installation = try Installation(executable: mlctl)
            defer { try? installation.close() }
            let steps = "[{setWeight: 10}, {pause: {duration: 5m}}, {setWeight: 100}]"
            try installation.commit(["model.yaml": manifest(installation, "good-1", steps: steps)])
            try await installation.start()
            let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            guard let endpoint = status.endpoint else { throw BenchmarkError("no endpoint") }
            let load = SteadyLoad(ratePerSecond: 200)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await load.run(against: endpoint) }
                defer { group.cancelAll() }
                try await Task.sleep(for: .seconds(2))
                try installation.commit(["model.yaml": manifest(installation, "failing-2", steps: steps)])
                try await installation.sync()
                try await installation.wait("model", for: "a rollback, round \(round)") { $0.phase == .rolledBack }
                try await Task.sleep(for: .seconds(1))
            }
            guard let bad = load.byRevision.values.first(where: { $0.errors > 0 }), let first = bad.firstErrorAt,
                let last = bad.lastAt
            else { throw BenchmarkError("no bad answer was seen") }
            times.append(last.timeIntervalSince(first))
        }
        let worst = times.max() ?? .nan
        return [
            Figure(
                what: "first bad answer (20 % errors, 10 % weight, 200 requests/s) to all traffic back",
                goal: "under 5 s",
                measured: "median \(text(times.median, 2)) s, worst of \(aborts) \(text(worst, 2)) s",
                peer: "(published) Argo Rollouts 2 to 3 s, Flagger 38 s", isMet: times.median < 5)
        ]
    }
}
