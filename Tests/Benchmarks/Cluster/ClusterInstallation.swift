import ControlAPI
import ControlPorts
import Foundation
import FoundationNetworking
import ModelManifests
import TestSupport

/// `mlctl run` with a repository of many small deployments, all for one cluster.
final class ClusterInstallation {
    static let settlingTime: Duration = .seconds(20)

    private let namespaces: [String]
    private let installation: Installation
    private let settings: URL
    private let steps: String

    /// - Parameter steps: the steps of each rollout, as a list in YAML.
    init(
        _ mlctl: URL, _ cluster: BenchCluster, namespaces: [String], steps: String = "[{setWeight: 100}]"
    ) throws {
        self.steps = steps
        installation = try Installation(executable: mlctl)
        self.namespaces = namespaces
        settings = installation.folder.appending(path: "settings.yaml")
        let only = namespaces.count == 1 ? ", namespace: \(namespaces[0])" : ""
        try "clusters: [{name: bench, kubeconfig: \(cluster.kubeconfig)\(only)}]\n"
            .write(to: settings, atomically: true, encoding: .utf8)
    }

    static func name(_ number: Int) -> String { String(format: "m%05d", number) }

    private func manifest(_ number: Int, version: Int) -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: \(Self.name(number)), namespace: \(namespaces[number % namespaces.count])}
        spec:
          model: {version: "\(version)"}
          runtime: {image: example/model-server:1, command: [serve]}
          target: {kind: kubernetes}
          rollout: {steps: \(steps), gates: []}

        """
    }

    func commit(_ numbers: Range<Int>) throws {
        try installation.commit(
            Dictionary(
                uniqueKeysWithValues: numbers.map { ("\(Self.name($0)).yaml", manifest($0, version: 1) as String?) }))
    }

    /// - Returns: the time at which the commit existed.
    func commit(changing number: Int) throws -> ContinuousClock.Instant {
        try installation.commit(["\(Self.name(number)).yaml": manifest(number, version: 2)])
        return .now
    }

    func start() async throws {
        try await installation.start(["--config", settings.path(percentEncoded: false), "--no-local"])
    }

    /// The notification that a git server sends for a push.
    func hook() async throws {
        guard let api = installation.api else { throw BenchmarkError("there is no controller") }
        var request = URLRequest(url: api.appending(path: "api/v1/hooks/git"))
        request.httpMethod = "POST"
        let (_, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 202 else { throw BenchmarkError("the hook was refused") }
    }

    /// - Returns: the events, newest first.
    func events(of number: Int) async throws -> [StoredEvent] {
        guard let client = installation.client else { throw BenchmarkError("there is no controller") }
        return try await client.events(of: key(number))
    }

    func status(of number: Int) async throws -> DeploymentStatus? {
        try await installation.status(Self.name(number))
    }

    /// Ends the current pause of the rollout.
    func promote(_ number: Int) throws {
        let key = key(number)
        let done = try installation.mlctl("promote", key.name, "-n", key.namespace)
        guard done.status == 0 else { throw BenchmarkError("mlctl promote: \(done.error)") }
    }

    private func key(_ number: Int) -> DeploymentKey {
        DeploymentKey(namespace: namespaces[number % namespaces.count], name: Self.name(number))
    }

    func stop() throws { try installation.stopController() }

    func close() { try? installation.close() }

    func untilHealthy(_ count: Int) async throws {
        try await installation.until("all are healthy") {
            let status = try await self.installation.client?.status()
            return status?.deployments.count { $0.phase == .healthy } == count
        }
    }

    func settledMemoryMiB() async throws -> Double {
        try await Task.sleep(for: Self.settlingTime)
        return try memoryMiB()
    }

    /// Resident memory, including the pages of the program itself.
    func memoryMiB() throws -> Double {
        guard let pid = installation.controllerPid else { throw BenchmarkError("there is no controller") }
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }?.split(separator: " ")
        guard let kib = resident.flatMap({ Double($0[1]) }) else { throw BenchmarkError("no VmRSS") }
        return kib / 1024
    }
}
