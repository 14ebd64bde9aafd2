import Foundation
import MetricSources
import ModelManifests
import Serving
import TestSupport
import Testing

@Suite("The counters of a cluster's proxies", .timeLimit(.minutes(10)))
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

    @Test("an impossible count is not evidence, and does not crash", arguments: [Int.max, .min, 1 << 60])
    func impossible(requests: Int) async throws {
        let one = try ProxyStandIn(report: report(epoch: "e1", requests: requests))
        defer { withExtendedLifetime(one) {} }
        let port = one.port
        let counters = ClusterProxyCounters { _ in [ProxyPod(name: "a", address: "127.0.0.1:\(port)")] }
        await #expect {
            try await counters.readings(for: fraud)
        } throws: { error in
            "\(error)".contains("proxy a reports \(requests)")
        }
    }

    @Test("a proxy that does not answer leaves a gap; if none answers, it is an error")
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

@Suite("What a cluster's proxies report about a deployment's requests", .timeLimit(.minutes(10)))
struct ProxiedTrafficTests {
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    private let revision = Revision(rawValue: "aaaaaaaaaa")

    private func report(
        percent: Int = 100, cut: Int, ejected: Bool = false, inFlight: Int = 0, problems: [String] = []
    ) throws -> String {
        let report = ProxyReport(
            epoch: "e", generation: 1,
            endpoints: [EndpointReport(deployment: fraud, port: 1, listening: true, problems: problems)],
            instances: [
                InstanceReport(
                    deployment: fraud, revision: revision, instance: "pod-1", counters: RequestCounters(),
                    inFlight: inFlight, ejected: ejected)
            ],
            routes: [
                RouteReport(
                    deployment: fraud, shares: [.init(revision: revision, percent: percent)], cutRequests: cut,
                    refusedConnections: 1)
            ])
        return String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
    }

    @Test(
        "counts are summed, an instance is ejected or busy if one proxy says so, and shares stay per proxy")
    func together() async throws {
        let one = try ProxyStandIn(report: report(cut: 2, ejected: true, problems: ["no recordings"]))
        let two = try ProxyStandIn(report: report(percent: 50, cut: 3, inFlight: 1))
        defer { withExtendedLifetime((one, two)) {} }
        let ports = (one.port, two.port)
        let counters = ClusterProxyCounters { _ in
            [
                ProxyPod(name: "a", address: "127.0.0.1:\(ports.0)"),
                ProxyPod(name: "b", address: "127.0.0.1:\(ports.1)"),
            ]
        }
        let said = await counters.traffic(of: fraud, isAtRest: false)
        #expect(said.cutRequests == 5 && said.refusedConnections == 2)
        #expect(said.ejected == ["pod-1"] && said.busy == ["pod-1"] && said.problems == ["no recordings"])
        #expect(said.shares.mapValues { $0.map(\.percent) } == ["a": [100], "b": [50]])
        #expect(said.agreed(by: 2) == nil && said.silence == nil)
        let other = await counters.traffic(of: DeploymentKey(namespace: "payments", name: "new"), isAtRest: false)
        #expect(other.shares == ["a": [], "b": []] && other.agreed(by: 2) == nil && other.cutRequests == 0)
    }

    @Test("counts of a proxy that misses one answer are kept")
    func gap() async throws {
        let one = try ProxyStandIn(report: report(cut: 2))
        let two = try ProxyStandIn(report: report(cut: 3))
        defer { withExtendedLifetime((one, two)) {} }
        let ports = (one.port, two.port)
        let counters = ClusterProxyCounters { _ in
            [
                ProxyPod(name: "a", address: "127.0.0.1:\(ports.0)"),
                ProxyPod(name: "b", address: "127.0.0.1:\(ports.1)"),
            ]
        }
        #expect(await counters.traffic(of: fraud, isAtRest: false).cutRequests == 5)
        two.end()
        try await ContinuousClock().sleep(for: ProxyCounters.defaultFreshness * 2)
        let said = await counters.traffic(of: fraud, isAtRest: false)
        #expect(said.cutRequests == 5 && said.shares.keys.sorted() == ["a"] && said.agreed(by: 2) == nil)
        // At rest, a recent answer is reused.
        one.end()
        #expect(await counters.traffic(of: fraud, isAtRest: true) == said)
    }

    @Test("proxies that cannot be asked confirm nothing at first, and are unreachable if that lasts")
    func silence() async throws {
        let dead = ProxyPod(name: "dead", address: "127.0.0.1:1")
        let patient = ClusterProxyCounters { _ in [dead] }
        #expect(await patient.traffic(of: fraud, isAtRest: false) == ProxiedTraffic())
        let impatient = ClusterProxyCounters(patience: .zero) { _ in [dead] }
        #expect(await impatient.traffic(of: fraud, isAtRest: false).silence != nil)
    }
}

/// A proxy's control port with one report.
private final class ProxyStandIn {
    let port: Int
    private let process: ChildProcess

    init(report: String) throws {
        process = try ChildProcess(["python3", "-c", Self.program, report])
        guard let port = try process.readLine().flatMap({ Int($0) }) else { throw NotStarted() }
        self.port = port
    }

    deinit { process.stop() }

    func end() { process.stop() }

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
