import Foundation
import Logging
import Synchronization
import Testing

@testable import KubernetesClient

/// Runs against the API server that `MLCTL_TEST_KUBECONFIG` names, in a namespace of its own that is deleted afterwards.
enum TestCluster {
    static let kubeconfig = ProcessInfo.processInfo.environment["MLCTL_TEST_KUBECONFIG"]
    static var isThere: Bool { kubeconfig.map { !$0.isEmpty } ?? false }

    static func api(context: String? = nil, http: HTTPTransport.HTTPVersion = .automatic) throws -> KubernetesAPI {
        let settings = ClusterSettings(name: "test", kubeconfig: kubeconfig, context: context)
        guard http == .http1 else { return try settings.api(environment: [:]) }
        return KubernetesAPI(transport: try HTTPTransport(try settings.connection(environment: [:]), http: http))
    }

    static func configMap(_ name: String, _ namespace: String, value: String, labels: [String: String] = [:]) throws
        -> Data
    {
        var metadata: [String: Any] = ["name": name, "namespace": namespace]
        if !labels.isEmpty { metadata["labels"] = labels }
        return try JSONSerialization.data(withJSONObject: [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": ["value": value],
        ])
    }

    static func inNamespace(_ api: KubernetesAPI, _ body: (String) async throws -> Void) async throws {
        let name = "k-client-\(UUID().uuidString.prefix(8).lowercased())"
        let namespace = try JSONSerialization.data(withJSONObject: [
            "apiVersion": "v1", "kind": "Namespace", "metadata": ["name": name],
        ])
        try await api.create(.namespaces, namespace: nil, body: namespace)
        do {
            try await body(name)
        } catch {
            try? await api.delete(.namespaces, NamespacedName(name: name))
            throw error
        }
        try await api.delete(.namespaces, NamespacedName(name: name))
    }
}

@Suite("Against a real API server", .enabled(if: TestCluster.isThere), .serialized, .timeLimit(.minutes(10)))
struct ClusterTests {
    @Test("the server accepts a client certificate and a token", arguments: ["peer", "token"])
    func credentials(context: String) async throws {
        guard try Kubeconfig.read(TestCluster.kubeconfig).contexts[context] != nil else { return }
        let namespaces = try await TestCluster.api(context: context).list(Namespace.self)
        #expect(namespaces.items.contains { $0.metadata.name == "default" })
    }

    struct Namespace: KubernetesObject {
        static let resource = ResourceType.namespaces
        var metadata: ObjectMetadata
    }

    @Test("wrong credentials are refused, and the error says what to do")
    func wrongToken() async throws {
        var connection = try ClusterSettings(name: "t", kubeconfig: TestCluster.kubeconfig).connection(environment: [:])
        connection.credentials = StaticCredentials(token: "wrong")
        let api = KubernetesAPI(transport: try HTTPTransport(connection))
        let error = await #expect(throws: APIError.self) { _ = try await api.list(Namespace.self) }
        #expect(error?.statusCode == 401)
        #expect(message(of: error).contains("log in again"))
    }

    @Test("a contested field is reported with its owner, and taken over by force")
    func conflict() async throws {
        let api = try TestCluster.api()
        try await TestCluster.inNamespace(api) { namespace in
            let key = NamespacedName(namespace: namespace, name: "contested")
            let theirs = APIRequest.apply(
                .configMaps, key, body: try TestCluster.configMap("contested", namespace, value: "theirs"),
                fieldManager: "kubectl-edit", force: false)
            _ = try await api.answer(to: theirs)
            let ours = try TestCluster.configMap("contested", namespace, value: "ours")
            let error = await #expect(throws: APIError.self) {
                try await api.apply(.configMaps, key, body: ours, force: false)
            }
            #expect(error?.fieldConflicts == [FieldConflict(field: ".data.value", manager: "kubectl-edit")])
            try await api.apply(.configMaps, key, body: ours)
            let found = try await api.get(Settings.self, key)
            #expect(found?.data == ["value": "ours"])
        }
    }

    @Test("lists come in pages, watches follow, and both kinds of start agree", arguments: [true, false])
    func following(streams: Bool) async throws {
        let api = try TestCluster.api()
        try await TestCluster.inNamespace(api) { namespace in
            for number in 0..<25 {
                let body = try TestCluster.configMap(
                    "c\(number)", namespace, value: "0", labels: ["parity": number % 2 == 0 ? "even" : "odd"])
                try await api.apply(.configMaps, NamespacedName(namespace: namespace, name: "c\(number)"), body: body)
            }
            var settings = ListWatch<SystemRandomNumberGenerator>.Settings()
            settings.pageSize = 10
            settings.streamsInitialEvents = streams
            let cache = ObjectCache<Settings>(
                of: api, .init(namespace: namespace, labelSelector: "parity"), isMetadataOnly: false,
                indexedLabels: ["parity"], settings: settings, logger: Logger(label: "test"))
            let run = Task { await cache.run() }
            defer { run.cancel() }
            try await cache.waitUntilSynced(timeout: .seconds(20))
            #expect(cache.count == 25)
            #expect(cache.all(label: "parity", value: "even").count == 13)
            let changed = NamespacedName(namespace: namespace, name: "c3")
            try await api.apply(
                .configMaps, changed,
                body: try TestCluster.configMap("c3", namespace, value: "1", labels: ["parity": "odd"]))
            try await api.delete(.configMaps, NamespacedName(namespace: namespace, name: "c4"))
            try await eventually { cache[changed]?.data == ["value": "1"] && cache.count == 24 }
        }
    }

    @Test("metadata alone arrives as a list and as a watch")
    func metadataOnly() async throws {
        let api = try TestCluster.api()
        try await TestCluster.inNamespace(api) { namespace in
            let key = NamespacedName(namespace: namespace, name: "one")
            try await api.apply(
                .configMaps, key, body: try TestCluster.configMap("one", namespace, value: "secret"))
            let cache = ObjectCache(
                Settings.self, of: api, .init(namespace: namespace, fieldSelector: "metadata.name=one"),
                isMetadataOnly: true)
            let run = Task { await cache.run() }
            defer { run.cancel() }
            try await cache.waitUntilSynced(timeout: .seconds(20))
            let found = try #require(cache[key])
            #expect(found.data == nil)
            #expect(found.metadata.uid != nil)
        }
    }

    @Test("a version that is too old gives 410, as an answer or an event, and the cache recovers")
    func tooOld() async throws {
        let api = try TestCluster.api()
        let watch = APIRequest.watch(.configMaps, resourceVersion: "1", timeout: .seconds(10))
        var first: WatchEvent<Settings>?
        do {
            for try await line in try await api.transport.lines(watch, idleTimeout: .seconds(10)) {
                first = try WatchEvent<Settings>(line: line, request: "watch")
                break
            }
        } catch let error as APIError {
            first = .error(error)
        }
        guard case .error(let error) = first else {
            Issue.record("the server still knows version 1")
            return
        }
        #expect(error.isExpired)
    }

    @Test("of two candidates one leads, and the other follows when the first ends")
    func election() async throws {
        let api = try TestCluster.api()
        try await TestCluster.inNamespace(api) { namespace in
            let key = NamespacedName(namespace: namespace, name: "leader")
            let electors = [
                LeaseElector(api, lease: key, identity: "same"), LeaseElector(api, lease: key, identity: "same"),
            ]
            for elector in electors { elector.advertise("http://127.0.0.1:8090") }
            let runs = electors.map { elector in Task { await elector.run() } }
            try await eventually { electors.contains { $0.isLeading } }
            let leading = electors.firstIndex { $0.isLeading }
            let leader = try #require(leading)
            #expect(!electors[1 - leader].isLeading)
            runs[leader].cancel()
            await runs[leader].value
            try await eventually { electors[1 - leader].isLeading }
            let found = try await api.get(Lease.self, key)
            let lease = try #require(found)
            #expect(lease.spec.holderIdentity == electors[1 - leader].holder)
            #expect(lease.spec.leaseTransitions == 1)
            for run in runs {
                run.cancel()
                await run.value
            }
        }
    }

    @Test("a selector finds the leader among a controller's pods")
    func leaderLabel() async throws {
        let api = try TestCluster.api()
        try await TestCluster.inNamespace(api) { namespace in
            // A server without a controller manager creates no service account for pods.
            let account = #"{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}"#
            _ = try? await api.create(.serviceAccounts, namespace: namespace, body: Data(account.utf8))
            for name in ["first", "second"] {
                let pod = """
                    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "\(name)"},
                    "spec": {"containers": [{"name": "c", "image": "example/controller:1"}]}}
                    """
                try await eventually {
                    (try? await api.create(.pods, namespace: namespace, body: Data(pod.utf8))) != nil
                }
            }
            @Sendable func leaders() async -> [String]? {
                try? await api.list(Pod.self, .init(namespace: namespace, labelSelector: "mlctl.dev/leader=true"))
                    .items.map(\.metadata.name)
            }
            let pods = ["first", "second"].map { name in
                let (changes, change) = AsyncStream.makeStream(of: Bool.self)
                let label = LeaderLabel(api, pod: NamespacedName(namespace: namespace, name: name))
                return (change: change, run: Task { await label.follow(changes) })
            }
            for (leads, names) in [([true, false], ["first"]), ([false, true], ["second"])] {
                for (pod, leads) in zip(pods, leads) { pod.change.yield(leads) }
                try await eventually { await leaders() == names }
            }
            // The label is removed when its process ends in good order.
            for pod in pods {
                pod.run.cancel()
                await pod.run.value
            }
            #expect(await leaders() == [])
        }
    }

    struct Pod: KubernetesObject {
        static let resource = ResourceType.pods
        var metadata: ObjectMetadata
    }

    @Test("the server accepts events and their counts")
    func events() async throws {
        let api = try TestCluster.api()
        try await TestCluster.inNamespace(api) { namespace in
            let recorder = EventRecorder(api, controller: "mlctl.dev/test", instance: "test")
            let regarding = KubernetesEvent.Reference(
                .configMaps, ObjectMetadata(name: "one", namespace: namespace, uid: "u"))
            let run = Task { await recorder.run() }
            defer { run.cancel() }
            for _ in 0..<3 {
                recorder.record(
                    KubernetesEvent(regarding: regarding, reason: "Promoted", action: "Promote", note: "note"))
            }
            try await eventually {
                let found = try? await api.list(Event.self, .init(namespace: namespace)).items
                return found?.count == 1 && found?.first?.series?.count == 2
            }
            #expect(recorder.droppedCount == 0)
        }
    }

    struct Event: KubernetesObject {
        struct Series: Decodable { var count: Int }
        static let resource = ResourceType.events
        var metadata: ObjectMetadata
        var series: Series?
    }

    final class Numbers: Sendable {
        private let last = Mutex(-1)
        func next() -> Int {
            last.withLock { last in
                last += 1
                return last
            }
        }
    }

    @Test("a thousand objects are written, sixteen at a time, over both versions of HTTP", arguments: [true, false])
    func throughput(isHTTP2: Bool) async throws {
        let api = try TestCluster.api(http: isHTTP2 ? .automatic : .http1)
        try await TestCluster.inNamespace(api) { namespace in
            let numbers = Numbers()
            let began = ContinuousClock.now
            try await withThrowingTaskGroup { group in
                for _ in 0..<16 {
                    group.addTask {
                        while true {
                            let number = numbers.next()
                            guard number < 1000 else { return }
                            try await api.apply(
                                .configMaps, NamespacedName(namespace: namespace, name: "t\(number)"),
                                body: try TestCluster.configMap("t\(number)", namespace, value: "v"))
                        }
                    }
                }
                try await group.waitForAll()
            }
            let took = (ContinuousClock.now - began) / .seconds(1)
            print("1000 server-side applies, 16 at once, \(isHTTP2 ? "HTTP/2" : "HTTP/1.1"): \(took) s")
            let found = try await api.list(Settings.self, .init(namespace: namespace))
            #expect(found.items.filter { $0.metadata.name.hasPrefix("t") }.count == 1000)
        }
    }
}
