import Demo
import Foundation
import JSON
import KubernetesClient
import KubernetesServing
import Logging
import ModelManifests
import Serving
import TestSupport
import Testing
import TrafficProxy

@testable import Commands

/// A simulated pod: a local process that answers every POST.
struct ServingPod {
    /// Needs 50 ms for each answer. It exits at once on SIGTERM, and loses the requests that are running.
    private static let server = """
        import http.server, time
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def do_POST(self):
                self.rfile.read(int(self.headers['Content-Length']))
                time.sleep(0.05)
                body = b'{"score": 0.25}'
                self.send_response(200); self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
            def log_message(self, *words): pass
        class Server(http.server.ThreadingHTTPServer): daemon_threads = True
        server = Server(('0.0.0.0', 0), Handler)
        print(server.server_address[1], flush=True)
        server.serve_forever()
        """

    let name: String
    let process: ChildProcess
    let port: Int

    init(_ name: String) throws {
        self.name = name
        process = try ChildProcess(["python3", "-c", Self.server])
        port = Int(try process.readLine() ?? "") ?? 0
    }
}

/// A namespace in the simulated API server, with one route, and the proxy as `mlctl proxy --namespace` builds it.
struct ServingNamespace {
    static let deployment = DeploymentKey(namespace: "ml", name: "fraud")
    static let old = Revision(rawValue: "aaaaaaaaaa")
    static let new = Revision(rawValue: "bbbbbbbbbb")

    let port: Int
    let controlPort: Int
    private let api: KubernetesAPI
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() throws {
        let now = Date()
        api = KubernetesAPI(transport: ModelTransport(APIServerModel(namespaces: ["ml"], now: now)) { now })
        (port, controlPort) = (try Self.freePort(), try Self.freePort())
    }

    private static func freePort() throws -> Int {
        let text = try ChildProcess.run([
            "python3", "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])",
        ])
        return try #require(Int(text))
    }

    /// - Parameter adjust: sets further fields of the route.
    func route(
        _ weights: [(Revision, Int)], _ adjust: (inout ProxyRoute) -> Void = { _ in }
    ) async throws {
        var route = ProxyRoute(
            deployment: Self.deployment, port: port,
            revisions: weights.map { RevisionRoute(revision: $0.0, weight: $0.1) })
        adjust(&route)
        let text = String(decoding: try JSONEncoder().encode(route), as: UTF8.self)
        try await apply(
            .configMaps, "fraud-route", labels: [ObjectLabels.route: "true"], ["data": ["route.json": .string(text)]])
    }

    /// - Parameter leaving: the pod is being deleted; its server continues until the drain time is over.
    func endpoints(
        _ revision: Revision, of pod: ServingPod, address: String = "127.0.0.1", leaving: Bool = false
    ) async throws {
        try await apply(
            .endpointSlices, pod.name,
            labels: [ObjectLabels.deployment: "fraud", ObjectLabels.revision: .string(revision.rawValue)],
            [
                "addressType": "IPv4", "ports": [["name": "http", "port": .integer(pod.port)]],
                "endpoints": [
                    [
                        "addresses": [.string(address)], "targetRef": ["kind": "Pod", "name": .string(pod.name)],
                        "conditions": ["ready": .bool(!leaving), "serving": true, "terminating": .bool(leaving)],
                    ]
                ],
            ])
    }

    private func apply(
        _ type: ResourceType, _ name: String, labels: [String: JSONValue], _ content: [String: JSONValue]
    ) async throws {
        var body = content
        body["apiVersion"] = .string(type.apiVersion)
        body["kind"] = .string(type.kind)
        body["metadata"] = ["name": .string(name), "namespace": "ml", "labels": .object(labels)]
        try await api.apply(
            type, NamespacedName(namespace: "ml", name: name), body: Data(CanonicalJSON.text(.object(body)).utf8))
    }

    // MARK: - The proxy

    /// Runs `body` once the proxy listens; meanwhile the proxy watches the namespace and gets requests.
    func serving(under load: SteadyLoad, _ body: () async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-pods-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (changes, change) = AsyncStream.makeStream(of: [ProxyRoute].self, bufferingPolicy: .bufferingNewest(1))
        let (delivered, deliver) = AsyncStream.makeStream(of: [ProxyRoute].self, bufferingPolicy: .bufferingNewest(1))
        let watch = RouteWatch(api, namespace: "ml", logger: logger)
        let recordings = RecordingDelivery(
            folder: folder.appending(path: "recordings"), logger: logger, fetch: RecordingFetch.bytes(of:maximumBytes:))
        let proxy = TrafficProxy(
            configuration: TrafficProxyConfiguration(
                stateDirectory: folder.path(percentEncoded: false),
                directions: .following(delivered, host: "127.0.0.1", controlPort: controlPort), logger: logger,
                handlesSignals: false))
        let (port, controlPort) = (port, controlPort)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await watch.run(change) }
            group.addTask { await recordings.run(changes, deliver) }
            group.addTask { try await proxy.run() }
            try await Self.wait("a listener") {
                (try? await RecordingFetch.bytes(of: "http://127.0.0.1:\(controlPort)/readyz", maximumBytes: 100))
                    != nil
            }
            group.addTask { try await load.run(against: "http://127.0.0.1:\(port)") }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    func report() async throws -> ProxyReport {
        let bytes = try await RecordingFetch.bytes(
            of: "http://127.0.0.1:\(controlPort)/report", maximumBytes: 1 << 20)
        return try JSONDecoder().decode(ProxyReport.self, from: Data(bytes))
    }

    static func wait(_ what: String, until isSo: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(40)
        while try await !isSo() {
            try #require(ContinuousClock.now < deadline, "\(what)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
