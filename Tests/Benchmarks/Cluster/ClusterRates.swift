import Foundation
import KubernetesClient
import TestSupport

/// Writes 1,000 ModelDeployments into an API server, and compares with a plain program and `kubectl` on the same
/// objects. Then it runs again without changes; then one of them is edited, and one gets a new commit.
enum ClusterRates {
    static let deployments = 1000
    static let connections = 16
    static let rounds = 15
    /// Longer than the minimum interval between looks that the hook causes.
    static let pause: Duration = .milliseconds(1200)

    static func run(mlctl: URL) async throws -> [Figure] {
        guard let cluster = try BenchCluster.named() else { return BenchCluster.notNamed }
        try await cluster.install(mlctl)
        let namespace = try await cluster.makeNamespace()
        let installation = try ClusterInstallation(mlctl, cluster, namespaces: [namespace])
        defer { installation.close() }
        try installation.commit(0..<deployments)

        let before = try await ServerCounts.read(cluster.api)
        let began = ContinuousClock.now
        try await installation.start()
        // A deployment's route is written last.
        try await cluster.until("all routes are written") {
            try await cluster.count(.configMaps, in: namespace) >= deployments
        }
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        let written = try await ServerCounts.read(cluster.api).writes - before.writes
        try await ReadyPods(cluster: cluster, namespace: namespace).make()
        try await installation.untilHealthy(deployments)
        let memory = try await installation.settledMemoryMiB()
        let reactions = try await reactions(cluster, installation, namespace)
        try installation.stop()
        let unchanged = try await unchanged(cluster, installation, namespace)
        let memoryAgain = try installation.memoryMiB()
        try installation.stop()

        let plain = try await plainRate(cluster, copying: namespace)
        let kubectl = try await kubectlRate(cluster, copying: namespace)
        let rate = Double(written) / seconds
        let ofObjects = Double(plain.objects) / seconds / plain.rate
        return [
            Figure(
                what: "\(deployments) ModelDeployments into a real API server, \(written) writes",
                goal: "at least 0.8",
                measured: "\(text(rate)) writes/s = \(text(rate / plain.rate, 2)); objects alone \(text(ofObjects, 2))",
                peer: "plain program, \(connections) connections, \(plain.objects) objects: \(text(plain.rate))/s",
                isMet: rate / plain.rate >= 0.8),
            Figure(
                what: "the same beside kubectl apply --server-side", goal: "ahead of it",
                measured: "\(text(rate)) writes/s",
                peer: kubectl.map { "kubectl: \(text($0))/s = \(text($0 / plain.rate, 2))" } ?? "kubectl is not here",
                isMet: kubectl.map { rate > $0 } ?? false),
            unchanged,
            Figure(
                what: "memory with \(deployments) deployments in a cluster", goal: "under 100 MiB",
                measured: "\(text(memory, 1)) MiB, after a restart \(text(memoryAgain, 1)) MiB",
                isMet: max(memory, memoryAgain) < 100),
        ] + reactions
    }

    // MARK: - Again, with nothing changed

    private static func unchanged(
        _ cluster: BenchCluster, _ installation: ClusterInstallation, _ namespace: String
    ) async throws -> Figure {
        let before = try await ServerCounts.read(cluster.api)
        try await installation.start()
        try await Task.sleep(for: .seconds(20))
        let after = try await ServerCounts.read(cluster.api)
        let writes = after.writes - before.writes
        var lists: [String] = []
        var listsOnce = true
        for kind in BenchCluster.kinds {
            let read = after.count("LIST", kind.plural) - before.count("LIST", kind.plural)
            // A server that streams the initial objects gets no list requests.
            let count = try await cluster.count(kind, in: namespace)
            var once = max(1, (count + KubernetesAPI.pageSize - 1) / KubernetesAPI.pageSize)
            // Records of ModelDeployments that are being recreated have a label of their own, and are searched by it.
            if kind == .configMaps { once += 1 }
            lists.append("\(kind.plural) \(read) of \(once)")
            listsOnce = listsOnce && read <= once
        }
        return Figure(
            what: "the same again, nothing changed, for 20 s", goal: "0 writes, one list a kind",
            measured: "\(writes) writes; pages of lists: \(lists.joined(separator: ", "))",
            isMet: writes == 0 && listsOnce)
    }

    // MARK: - One of them

    private static func reactions(
        _ cluster: BenchCluster, _ installation: ClusterInstallation, _ namespace: String
    ) async throws -> [Figure] {
        let watch = MetadataWatch(WatchedDeployment.self, cluster.api, in: namespace)
        let watching = Task { await watch.run() }
        defer { watching.cancel() }
        try await watch.until("the watch has begun") { watch.names.count >= deployments }
        return [
            try await edits(cluster, watch, namespace), try await commits(installation, watch),
        ]
    }

    private static func edits(
        _ cluster: BenchCluster, _ watch: MetadataWatch<WatchedDeployment>, _ namespace: String
    ) async throws -> Figure {
        let before = try await ServerCounts.read(cluster.api)
        var times: [Double] = []
        for number in 0..<rounds {
            guard let name = watch.names.first(where: { $0.hasPrefix(ClusterInstallation.name(number * 7) + "-") })
            else { throw BenchmarkError("no Deployment of \(number * 7)") }
            let edit = Data(#"{"spec": {"replicas": 3}}"#.utf8)
            let edited = try await cluster.api.merge(
                .deployments, NamespacedName(namespace: namespace, name: name), body: edit)
            let began = ContinuousClock.now
            try await watch.until("\(name) is put right") { watch.version(of: name) > edited.order }
            times.append((ContinuousClock.now - began).ms)
            try await Task.sleep(for: pause)
        }
        let written = try await ServerCounts.read(cluster.api).writesButEvents - before.writesButEvents - rounds
        return Figure(
            what: "one object edited by hand among \(deployments), put right", goal: "under 300 ms, one write",
            measured: "\(words(times)), \(text(Double(written) / Double(rounds), 1)) writes each",
            peer: "(published) Config Sync 2.4 s, Flux 12.5 s", isMet: times.median < 300 && written == rounds)
    }

    private static func commits(_ installation: ClusterInstallation, _ watch: MetadataWatch<WatchedDeployment>)
        async throws -> Figure
    {
        var times: [Double] = []
        for number in 0..<rounds {
            let began = try installation.commit(changing: 500 + number)
            try await installation.hook()
            let prefix = ClusterInstallation.name(500 + number) + "-"
            try await watch.until("the new revision is there") { watch.names.count { $0.hasPrefix(prefix) } == 2 }
            times.append((ContinuousClock.now - began).ms)
            try await Task.sleep(for: pause)
        }
        return Figure(
            what: "a commit that changes one of \(deployments) (hook), to its Deployment", goal: "under 300 ms",
            measured: words(times), peer: "(published) Config Sync 1.9 s, Flux 4.1 s",
            isMet: times.median < 300)
    }

    private static func words(_ times: [Double]) -> String {
        "median \(text(times.median)) ms, worst of \(times.count) \(text(times.max() ?? .nan)) ms"
    }

    // MARK: - Peers

    private static func bodies(
        _ cluster: BenchCluster, of namespace: String, for other: String
    ) async throws -> [(type: ResourceType, key: NamespacedName, body: Data)] {
        var all: [(ResourceType, NamespacedName, Data)] = []
        for type in BenchCluster.kinds {
            for object in try await cluster.objects(type, in: namespace) {
                guard let body = AppliedFields.body(of: object, for: other),
                    let name = (body["metadata"] as? AppliedFields.Fields)?["name"] as? String
                else { continue }
                let data = try JSONSerialization.data(
                    withJSONObject: body, options: [.sortedKeys, .withoutEscapingSlashes])
                all.append((type, NamespacedName(namespace: other, name: name), data))
            }
        }
        return all
    }

    /// Server-side applies, one after the other on each connection, and nothing else.
    private static func plainRate(
        _ cluster: BenchCluster, copying namespace: String
    ) async throws -> (rate: Double, objects: Int) {
        let objects = try await bodies(cluster, of: namespace, for: try await cluster.makeNamespace())
        let began = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<connections {
                group.addTask {
                    for index in stride(from: lane, to: objects.count, by: connections) {
                        let object = objects[index]
                        let request = APIRequest.apply(
                            object.type, object.key, body: object.body, fieldManager: "plain", force: true)
                        _ = try await cluster.api.answer(to: request)
                    }
                }
            }
            try await group.waitForAll()
        }
        return (Double(objects.count) / ((ContinuousClock.now - began) / .seconds(1)), objects.count)
    }

    private static func kubectlRate(_ cluster: BenchCluster, copying namespace: String) async throws -> Double? {
        guard (try? ChildProcess.run(["kubectl", "version", "--client"])) != nil else { return nil }
        let objects = try await bodies(cluster, of: namespace, for: try await cluster.makeNamespace())
        let file = FileManager.default.temporaryDirectory.appending(path: "objects-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let items = objects.map { String(decoding: $0.body, as: UTF8.self) }
        try #"{"apiVersion": "v1", "kind": "List", "items": [\#(items.joined(separator: ","))]}"#
            .write(to: file, atomically: true, encoding: .utf8)
        let began = ContinuousClock.now
        try ChildProcess.run([
            "kubectl", "--kubeconfig", cluster.kubeconfig, "apply", "--server-side", "-f",
            file.path(percentEncoded: false),
        ])
        return Double(objects.count) / ((ContinuousClock.now - began) / .seconds(1))
    }
}
