import Foundation
import KubernetesClient
import KubernetesServing
import Logging
import ModelManifests
import Serving
import TestSupport
import Testing
import TrafficProxy

@testable import Commands

/// The proxy as `mlctl proxy --namespace` puts it together, over the model of the API server, with pods that are programs
/// of this machine.
@Suite("Pods that leave a cluster under load", .serialized, .timeLimit(.minutes(2)))
struct LeavingPodsTests {
    /// Takes its time for each answer, and dies at once when it is told to: what it has then is lost.
    private static let server = """
        import http.server, time
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def do_POST(self):
                self.rfile.read(int(self.headers['Content-Length']))
                time.sleep(0.05)
                self.send_response(200); self.send_header('Content-Length', '2'); self.end_headers(); self.wfile.write(b'ok')
            def log_message(self, *words): pass
        class Server(http.server.ThreadingHTTPServer): daemon_threads = True
        server = Server(('127.0.0.1', 0), Handler)
        print(server.server_address[1], flush=True)
        server.serve_forever()
        """

    private static let deployment = DeploymentKey(namespace: "ml", name: "fraud")
    private static let old = Revision(rawValue: "aaaaaaaaaa")
    private static let new = Revision(rawValue: "bbbbbbbbbb")

    private struct Pod {
        var name: String
        var process: ChildProcess
        var port: Int

        init(_ name: String) throws {
            self.name = name
            process = try ChildProcess(["python3", "-c", LeavingPodsTests.server])
            port = Int(try process.readLine() ?? "") ?? 0
        }
    }

    private struct Cluster {
        let api: KubernetesAPI

        func route(_ weights: [(Revision, Int)], port: Int) async throws {
            let route = ProxyRoute(
                deployment: LeavingPodsTests.deployment, port: port,
                revisions: weights.map { RevisionRoute(revision: $0.0, weight: $0.1) })
            let text = String(decoding: try JSONEncoder().encode(route), as: UTF8.self)
            try await apply(
                .configMaps, "fraud-route", labels: [ObjectLabels.route: "true"],
                ["data": ["route.json": .string(text)]])
        }

        /// - Parameter leaving: is being deleted: its server goes on until the drain time is over.
        func endpoints(_ revision: Revision, of pod: Pod, leaving: Bool = false) async throws {
            try await apply(
                .endpointSlices, pod.name,
                labels: [ObjectLabels.deployment: "fraud", ObjectLabels.revision: .string(revision.rawValue)],
                [
                    "addressType": "IPv4", "ports": [["name": "http", "port": .integer(pod.port)]],
                    "endpoints": [
                        [
                            "addresses": ["127.0.0.1"], "targetRef": ["kind": "Pod", "name": .string(pod.name)],
                            "conditions": [
                                "ready": .bool(!leaving), "serving": true, "terminating": .bool(leaving),
                            ],
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
                type, ObjectKey(namespace: "ml", name: name), body: Data(CanonicalJSON.text(.object(body)).utf8))
        }
    }

    private static func freePort() throws -> Int {
        let text = try ChildProcess.run([
            "python3", "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])",
        ])
        return try #require(Int(text))
    }

    private static func wait(_ what: String, until isSo: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(40)
        while try await !isSo() {
            try #require(ContinuousClock.now < deadline, "\(what)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private static func report(_ controlPort: Int) async throws -> ProxyReport {
        let bytes = try await RecordingFetch.bytes(
            of: "http://127.0.0.1:\(controlPort)/report", maximumBytes: 1 << 20)
        return try JSONDecoder().decode(ProxyReport.self, from: Data(bytes))
    }

    @Test("fewer replicas and a promotion lose no request: routes are left first, and servers end after that")
    func leaving() async throws {
        let now = Date()
        let transport = ModelTransport(APIServerModel(namespaces: ["ml"], now: now)) { now }
        let cluster = Cluster(api: KubernetesAPI(transport: transport))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-leaving-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (port, controlPort) = (try Self.freePort(), try Self.freePort())
        let pods = try ["one", "two", "three"].map { try Pod($0) }
        defer { for pod in pods { pod.process.stop() } }
        try await cluster.route([(Self.old, 100)], port: port)
        try await cluster.endpoints(Self.old, of: pods[0])
        try await cluster.endpoints(Self.old, of: pods[1])

        let (changes, change) = AsyncStream.makeStream(of: [ProxyRoute].self, bufferingPolicy: .bufferingNewest(1))
        let watch = RouteWatch(cluster.api, namespace: "ml", logger: logger)
        let proxy = TrafficProxy(
            configuration: TrafficProxyConfiguration(
                stateDirectory: folder.path(percentEncoded: false),
                directions: .following(changes, host: "127.0.0.1", controlPort: controlPort), logger: logger,
                handlesSignals: false))
        let load = SteadyLoad(ratePerSecond: 100, workers: 8)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await watch.run(change) }
            group.addTask { try await proxy.run() }
            try await Self.wait("a listener") {
                (try? await RecordingFetch.bytes(of: "http://127.0.0.1:\(controlPort)/readyz", maximumBytes: 100))
                    != nil
            }
            group.addTask { try await load.run(against: "http://127.0.0.1:\(port)") }
            try await Self.wait("some load") { load.total > 50 }

            // One replica fewer.
            let full = try await Self.report(controlPort).generation
            try await cluster.endpoints(Self.old, of: pods[1], leaving: true)
            try await Self.end(pods[1], after: full, controlPort)
            let afterScaling = load.total
            try await Self.wait("more load") { load.total > afterScaling + 50 }

            // A promotion: the route changes first, then the old pods leave.
            try await cluster.endpoints(Self.new, of: pods[2])
            try await cluster.route([(Self.old, 0), (Self.new, 100)], port: port)
            try await Self.wait("the new revision") { load.byRevision[Self.new.rawValue]?.requests ?? 0 > 20 }
            let beforePromotion = try await Self.report(controlPort).generation
            try await cluster.route([(Self.new, 100)], port: port)
            try await cluster.endpoints(Self.old, of: pods[0], leaving: true)
            try await Self.end(pods[0], after: beforePromotion, controlPort)
            let afterPromotion = load.total
            try await Self.wait("more load") { load.total > afterPromotion + 50 }
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(load.broken == 0, "\(load.reasons)")
        #expect(load.errors == 0)
        #expect(Set(load.byRevision.keys) == [Self.old.rawValue, Self.new.rawValue])
    }

    /// As a kubelet does after the drain time, at the earliest moment at which that is right.
    /// - Parameter generation: of the routes that still had it.
    private static func end(_ pod: Pod, after generation: Int, _ controlPort: Int) async throws {
        try await wait("nothing under way at \(pod.name)") {
            let report = try await report(controlPort)
            let inFlight = report.instances.first { $0.instance == pod.name }?.inFlight ?? 0
            return report.generation > generation && inFlight == 0
        }
        pod.process.stop()
    }
}
