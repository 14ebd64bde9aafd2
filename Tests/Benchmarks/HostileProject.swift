import Commands
import ControlPorts
import Controller
import Foundation
import GitSource
import Logging
import ModelManifests
import Serving
import TestSupport

/// Fifty projects of 200 manifests in one controller. It measures how long a commit to 49 of them takes to be in force,
/// once with the fiftieth as large and as broken as its owner can make it, and once with all alike.
enum HostileProject {
    static let projects = 50
    static let manifests = 200
    static let rounds = 7
    static let blobs = 64
    static let blobBytes = 16 << 20

    static func run(mlctl: URL) async throws -> [Figure] {
        let calm = try await median(hostile: false)
        let rough = try await median(hostile: true)
        let ratio = rough / calm
        return [
            Figure(
                what: "49 projects of 200 manifests, a commit to each: beside a hostile one over without it",
                goal: "under 1.5 ×",
                measured: "\(text(ratio, 2)) × (\(text(rough)) ms, \(text(calm)) ms; median of \(rounds))",
                isMet: ratio < 1.5)
        ]
    }

    private static func median(hostile: Bool) async throws -> Double {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "mlctl-projects-\(UUID().uuidString.prefix(8))")
        defer { try? FileManager.default.removeItem(at: folder) }
        var repositories: [Installation] = []
        defer { for repository in repositories { try? repository.close() } }
        var sources: [ProjectSource] = []
        for number in 0..<projects {
            let repository = try Installation()
            repositories.append(repository)
            var files: [String: String?] = [:]
            for index in 0..<manifests { files["m\(index).yaml"] = manifest(number, index, version: "1") }
            try repository.commit(files)
            if hostile, number == 0 { try makeHostile(repository) }
            let git = try GitRepository(
                configuration: GitConfiguration(
                    url: repository.repo.path(percentEncoded: false), reference: "main",
                    mirrorDirectory: folder.appending(path: "mirror-\(number)").path(percentEncoded: false)))
            sources.append(
                ProjectSource(
                    GitManifests(repository: git),
                    rules: ProjectRules(
                        project: "p\(number)", policy: ProjectPolicy(namespaces: [NamePattern("p\(number)")]))))
        }
        let backend = ScriptedBackend()
        let store = InMemoryStateStore()
        let site = Site(
            backend: backend, store: store, metrics: NoReadings(), logs: NoLogs(), requestIdKey: { _ in nil })
        let controller = Controller(
            configuration: ControllerConfiguration(interval: .seconds(3600), restingInterval: .seconds(3600)),
            with: ControllerCollaborators(
                sources: sources, sites: SiteDirectory(local: site), trail: store, now: { Date() }),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            defer { group.cancelAll() }
            for number in 1..<projects { _ = try await controller.sync("p\(number)") }
            var times: [Double] = []
            for round in 0..<rounds {
                for number in 0..<projects {
                    try repositories[number].commit(["m7.yaml": manifest(number, 7, version: "\(round + 2)")])
                }
                let start = ContinuousClock.now
                group.addTask { _ = try? await controller.sync("p0") }
                try await withThrowingTaskGroup(of: Void.self) { looks in
                    for number in 1..<projects {
                        looks.addTask { _ = try await controller.sync("p\(number)") }
                    }
                    try await looks.waitForAll()
                }
                times.append((ContinuousClock.now - start) / .milliseconds(1))
                let read = await controller.status().sources.dropFirst().filter { $0.commit == nil || $0.error != nil }
                if let first = read.first { throw BenchmarkError("not read: \(first)") }
            }
            return times.median
        }
    }

    /// A YAML alias bomb, 100,000 equal keys, thousands of documents with one name, and a gigabyte of incompressible
    /// data.
    private static func makeHostile(_ repository: Installation) throws {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<12 {
            bomb += "a\(level): &a\(level) [\((0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ", "))]\n"
        }
        let one = manifest(0, 0, version: "1") + "---\n"
        try repository.commit([
            "bomb.yaml": bomb + "apiVersion: mlctl.dev/v1alpha1\n",
            "keys.yaml": "apiVersion: mlctl.dev/v1alpha1\n" + String(repeating: "a: 1\n", count: 100_000),
            "doubles.yaml": String(repeating: one, count: (1 << 20) / one.utf8.count),
            "deep.yaml": "apiVersion: mlctl.dev/v1alpha1\na: " + String(repeating: "[", count: 400_000),
        ])
        let source = try FileHandle(forReadingFrom: URL(filePath: "/dev/urandom"))
        for number in 0..<blobs {
            let bytes = try source.read(upToCount: blobBytes) ?? Data()
            try bytes.write(
                to: repository.repo.appending(path: number.isMultiple(of: 2) ? "b\(number).yaml" : "b\(number).bin"))
        }
        try repository.commit([:])
    }

    private static func manifest(_ project: Int, _ number: Int, version: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: m-\(number), namespace: p\(project)}
        spec:
          model: {version: "\(version)"}
          runtime: {command: [serve]}
          suspend: true
          rollout: {steps: [{setWeight: 100}], gates: []}

        """
    }
}
