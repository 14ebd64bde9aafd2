import Foundation
import MetricSources
import ModelManifests
import Serving
import TestSupport
import Testing

@Suite("The counters of a cluster's proxies", .timeLimit(.minutes(1)))
struct ClusterProxyCountersTests {
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")

    private func report(epoch: String, requests: Int) throws -> String {
        let report = ProxyReport(
            epoch: epoch, generation: 1,
            instances: [
                InstanceReport(
                    deployment: fraud, revision: Revision(rawValue: "aaaaaaaaaa"), instance: "pod-1",
                    counters: RequestCounters(requests: requests))
            ])
        return String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
    }

    @Test("an instance behind two proxies has two readings, each with its proxy's epoch")
    func twoProxies() async throws {
        let one = try ProxyStandIn(report: report(epoch: "e1", requests: 5))
        let two = try ProxyStandIn(report: report(epoch: "e2", requests: 7))
        defer { withExtendedLifetime((one, two)) {} }
        let ports = (one.port, two.port)
        let counters = ClusterProxyCounters { namespace in
            [
                ProxyPod(name: "\(namespace)-a", address: "127.0.0.1:\(ports.0)"),
                ProxyPod(name: "\(namespace)-b", address: "127.0.0.1:\(ports.1)"),
            ]
        }
        let readings = try await counters.readings(for: fraud)
        #expect(readings.map(\.instance) == ["pod-1@payments-a", "pod-1@payments-b"])
        #expect(readings.map(\.epoch) == ["e1", "e2"])
        #expect(readings.map(\.counters.requests) == [5, 7])
    }

    @Test("a proxy that does not answer leaves a gap; where none does, nothing can be said")
    func gaps() async throws {
        let one = try ProxyStandIn(report: report(epoch: "e1", requests: 5))
        defer { withExtendedLifetime(one) {} }
        let port = one.port
        let dead = ProxyPod(name: "dead", address: "127.0.0.1:1")
        let partly = ClusterProxyCounters { _ in [dead, ProxyPod(name: "a", address: "127.0.0.1:\(port)")] }
        #expect(try await partly.readings(for: fraud).map(\.instance) == ["pod-1@a"])
        let silent = ClusterProxyCounters { _ in [dead] }
        await #expect(throws: (any Error).self) { try await silent.readings(for: fraud) }
        let empty = ClusterProxyCounters { _ in [] }
        await #expect(throws: (any Error).self) { try await empty.readings(for: fraud) }
    }
}

/// A proxy's control port that has one report to give.
private final class ProxyStandIn {
    let port: Int
    private let process: ChildProcess

    init(report: String) throws {
        process = try ChildProcess(["python3", "-c", Self.program, report])
        guard let port = try process.readLine().flatMap({ Int($0) }) else { throw NotStarted() }
        self.port = port
    }

    deinit { process.stop() }

    private static let program = """
        import http.server, sys, threading, os

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = sys.argv[1].encode() if self.path == "/report" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args): pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_address[1], flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        server.serve_forever()
        """
}
