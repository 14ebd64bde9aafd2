import Commands
import ControlPorts
import Controller
import Foundation
import GitSource
import ModelManifests
import TestSupport

/// A repository of 10,000 manifests: read and validated without a cache, then again after a commit that changes one of
/// them.
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
        var reader = Reader(repository)
        let cold = try await reader.read()
        guard reader.count == count, reader.problems.isEmpty else {
            throw BenchmarkError("\(reader.count) read: \(reader.problems.prefix(3))")
        }
        var warm: [Double] = []
        for round in 0..<5 {
            try installation.commit(["team-7/model-7.yaml": manifest(7, version: "\(round + 2)")])
            warm.append(try await reader.read().ms)
        }
        let share = try await policyShare(repository, reading: cold)
        return [
            Figure(
                what: "policy check of 10,000 manifests, of the time to read them", goal: "at most 5 %",
                measured: "\(text(share * 100, 2)) %", isMet: share <= 0.05),
            Figure(
                what: "10,000 manifests, cold: fetch, read, validate", goal: "under 2 s",
                measured: "\(text(cold / .seconds(1), 2)) s", isMet: cold < .seconds(2)),
            Figure(
                what: "10,000 manifests, a commit that changes one", goal: "under 100 ms",
                measured: "median \(text(warm.median)) ms", isMet: warm.median < 100),
        ]
    }

    /// How much longer resolving takes with a policy of every rule, which all manifests keep, than without a policy.
    private static func policyShare(_ repository: GitRepository, reading: Duration) async throws -> Double {
        let snapshot = try await GitManifests(repository: repository).fetch()
        let files = snapshot.files.map { ManifestReader.read($0.value.text ?? "", file: $0.key) }
        let policy = ProjectPolicy(
            namespaces: [NamePattern("risk"), NamePattern("team-*")], targets: [TargetRule(.local)],
            endpointPorts: [9000...9099], runtimes: ["vllm", "mlserver"], commands: .deny,
            modelSources: [ModelSourceRoot("s3://models/"), ModelSourceRoot("https://models.example.com/")].compactMap(
                \.self),
            secrets: ["db"], serviceAccounts: ["serving"], podSecurity: .restricted,
            limits: ProjectLimits(resources: ResourceAmounts(memoryBytes: 1 << 60)))
        func time(_ rules: ProjectRules) throws -> Double {
            var times: [Double] = []
            for _ in 0..<7 {
                let start = ContinuousClock.now
                let state = DesiredState.resolve(files: files, by: rules)
                times.append((ContinuousClock.now - start) / .milliseconds(1))
                guard state.deployments.count == count else { throw BenchmarkError("\(state.diagnostics.prefix(3))") }
            }
            return times.median
        }
        let open = try time(.open)
        return max(0, try time(ProjectRules(project: "risk", policy: policy)) - open) / (reading / .milliseconds(1))
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

    /// As the controller does it: with its own ledger.
    struct Reader {
        private let source: GitManifests
        private var ledger = ManifestLedger()

        init(_ repository: GitRepository) { source = GitManifests(repository: repository) }

        var count: Int { ledger.keys.count }
        var problems: [Diagnostic] { ledger.diagnostics }

        mutating func read() async throws -> Duration {
            let start = ContinuousClock.now
            let snapshot = try await source.fetch()
            let parsed = try await ledger.parseNew(in: snapshot)
            _ = ledger.absorb(snapshot, parsed: parsed, known: [], allowsEmpty: false)
            return ContinuousClock.now - start
        }
    }
}
