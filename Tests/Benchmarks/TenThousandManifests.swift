import Foundation
import GitSource
import ModelManifests
import TestSupport

/// A repository of 10,000 manifests: read and validated cold, then again after a commit that changes one of them.
enum TenThousandManifests {
    static let count = 10_000

    static func run(mlctl: URL) async throws -> [Figure] {
        let installation = try Installation(executable: mlctl)
        defer { try? installation.close() }
        var files: [String: String?] = [:]
        for number in 0..<count {
            files["team-\(number % 100)/model-\(number).yaml"] = manifest(number, version: "1")
        }
        try installation.commit(files)
        let repository = try GitRepository(
            configuration: GitConfiguration(
                url: installation.repo.path(percentEncoded: false), reference: "main",
                mirrorDirectory: installation.folder.appending(path: "mirror").path(percentEncoded: false)))
        var reader = Reader()
        let cold = try await reader.read(repository)
        guard reader.state.deployments.count == count, reader.state.diagnostics.isEmpty else {
            throw BenchmarkError("only \(reader.state.deployments.count) valid: \(reader.state.diagnostics.prefix(3))")
        }
        var warm: [Double] = []
        for round in 0..<5 {
            try installation.commit(["team-7/model-7.yaml": manifest(7, version: "\(round + 2)")])
            warm.append(try await reader.read(repository).ms)
        }
        return [
            Figure(
                what: "10,000 manifests, cold: fetch, read, validate", goal: "under 2 s",
                measured: "\(text(cold / .seconds(1), 2)) s", isMet: cold < .seconds(2)),
            Figure(
                what: "10,000 manifests, a commit that changes one", goal: "under 100 ms",
                measured: "median \(text(warm.median)) ms", isMet: warm.median < 100),
        ]
    }

    static func manifest(_ number: Int, version: String) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: model-\(number), namespace: team-\(number % 100), labels: {team: "\(number % 100)"}}
        spec:
          model: {version: "\(version)", storageUri: "https://models.example.com/m/\(number)/\(version).tar", format: sklearn}
          runtime: {name: mlserver}
          replicas: 2
          resources: {limits: {cpu: "2", memory: 4Gi}}
          rollout:
            steps:
            - setWeight: 5
            - pause: {duration: 2m}
            - setWeight: 25
            - setWeight: 100
            gates:
            - name: no-worse-errors
              compare: {metric: errors, maxRelativeIncrease: 0.10, minSamples: 200}

        """
    }

    /// As the controller does it: only blobs that are new are parsed, on all cores.
    struct Reader {
        private var known: [String: (blob: String, parsed: ParsedFile)] = [:]
        private(set) var state = DesiredState()

        mutating func read(_ repository: GitRepository) async throws -> Duration {
            let start = ContinuousClock.now
            let revision = try await repository.fetch()
            let files = try await repository.files(at: revision.commit)
            let new = files.filter { known[$0.key]?.blob != $0.value.blob }.map { ($0.key, $0.value) }
            let parsed = await withTaskGroup(of: [(String, String, ParsedFile)].self) { group in
                for first in stride(from: 0, to: new.count, by: 256) {
                    let part = new[first..<min(first + 256, new.count)]
                    group.addTask { part.map { ($0.0, $0.1.blob, ManifestReader.read($0.1.text ?? "", file: $0.0)) } }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            for (path, blob, file) in parsed { known[path] = (blob, file) }
            state = DesiredState.resolve(files: known.values.map(\.parsed), reusing: state)
            return ContinuousClock.now - start
        }
    }
}
