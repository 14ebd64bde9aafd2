import Commands
import ControlPorts
import Demo
import Foundation
import TestSupport

/// Live rollouts of versions that are as good as the one that serves, on servers whose failures come together.
///
/// Some batch requests, and fail or stall whole batches; some end now and then, and lose the requests in flight. The
/// version determines the random choices of each server. Every rollback is false.
enum FailingServers {
    static let kinds = ["batching", "restarting"]
    static let rollouts = 50
    static let atOnce = 5
    static let requestsPerSecond = 100
    static let watched = Duration.seconds(24)

    static func run(mlctl: URL) async throws -> [Figure] {
        var figures: [Figure] = []
        for kind in kinds { figures.append(try await run(kind, mlctl)) }
        return figures
    }

    private static func run(_ kind: String, _ mlctl: URL) async throws -> Figure {
        let installation = try Installation(executable: mlctl)
        defer { try? installation.close() }
        let names = (1...atOnce).map { "model-\($0)" }
        try commit(round: 0, kind, names, installation)
        try await installation.start()
        var loads: [SteadyLoad] = []
        for name in names {
            try await installation.wait(name, for: "it serves") { $0.phase == .healthy }
            loads.append(SteadyLoad(ratePerSecond: requestsPerSecond, workers: 32))
        }
        var (rolledBack, promoted) = (0, 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (name, load) in zip(names, loads) {
                guard let endpoint = try await installation.status(name)?.endpoint else {
                    throw BenchmarkError("no endpoint of \(name)")
                }
                group.addTask { try await load.run(against: endpoint) }
            }
            defer { group.cancelAll() }
            for round in 1...(rollouts / atOnce) {
                try commit(round: round, kind, names, installation)
                try await installation.sync()
                // A version that was not rolled back by then was judged at both weights, and is promoted.
                try await Task.sleep(for: watched)
                for (index, name) in names.enumerated() {
                    let version = version(kind, index, round)
                    if try await installation.status(name)?.rollsBack(version) != true {
                        _ = try installation.mlctl("promote", name, "-n", "test", "--full")
                    }
                    let end = try await installation.wait(name, for: "\(version) is promoted or rolled back") {
                        $0.rollsBack(version) || ($0.phase == .healthy && $0.stable?.version == version)
                    }
                    if end.rollsBack(version) {
                        rolledBack += 1
                        print("  \(version): \(end.message)")
                    } else {
                        promoted += 1
                    }
                }
                print("  \(kind), round \(round): \(promoted) promoted, \(rolledBack) rolled back")
                fflush(nil)
            }
        }
        let requests = loads.map(\.total).reduce(0, +)
        let failed = loads.map { $0.errors + $0.broken }.reduce(0, +)
        return Figure(
            what: "\(kind) servers, live, equal versions: rolled back, of \(rollouts) rollouts", goal: "at most 1",
            measured: "\(rolledBack) (\(failed) of \(requests) requests failed)", isMet: rolledBack <= 1)
    }

    private static func version(_ kind: String, _ index: Int, _ round: Int) -> String { "\(kind)-\(index)-\(round)" }

    private static func commit(round: Int, _ kind: String, _ names: [String], _ installation: Installation) throws {
        var files: [String: String?] = [:]
        for (index, name) in names.enumerated() {
            files["\(name).yaml"] = installation.manifest(
                version(kind, index, round), name: name,
                rollout: """
                        steps: [{setWeight: 25}, {pause: {duration: 8s}}, {setWeight: 50}, {pause: {duration: 8s}}, {setWeight: 100}]
                    """)
        }
        try installation.commit(files)
    }
}

extension DeploymentStatus {
    fileprivate func rollsBack(_ version: String) -> Bool {
        phase == .rolledBack && quarantined.contains { $0.version == version }
    }
}
