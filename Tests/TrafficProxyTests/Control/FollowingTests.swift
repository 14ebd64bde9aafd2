import Foundation
import Logging
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite("A proxy that follows a cluster")
struct FollowingTests {
    private func route(_ name: String, port: Int, host: String, upstream: Int) -> ProxyRoute {
        ProxyRoute(
            deployment: DeploymentKey(name: name), port: port,
            revisions: [
                RevisionRoute(
                    revision: Revision(rawValue: "r"), weight: 100,
                    upstreams: [Upstream(instance: "i", host: host, port: upstream)])
            ])
    }

    @Test("routes change while the proxy runs, instances may be at any address, and the control port only answers GET")
    func follows() async throws {
        let directory = NSTemporaryDirectory() + "mlctl-following-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let controlPort = try HeldPort.refusing()
        let (changes, change) = AsyncStream.makeStream(of: [ProxyRoute].self, bufferingPolicy: .bufferingNewest(1))
        let proxy = TrafficProxy(
            configuration: TrafficProxyConfiguration(
                stateDirectory: directory,
                directions: .following(changes, host: "127.0.0.1", controlPort: controlPort),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), handlesSignals: false))
        let first = try await ScriptedUpstream(.status(200), host: "127.0.0.2")
        let port = try HeldPort.refusing()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await proxy.run() }
            let before = try await eventually {
                try? await RawClient(port: controlPort).request("GET", "/readyz", body: "").status
            } until: {
                $0 != nil
            }
            #expect(before == 503)
            change.yield([
                route("d", port: port, host: "127.0.0.2", upstream: first.port),
                route("broken", port: port + 70_000, host: "somewhere", upstream: 1),
            ])
            let answer = try await eventually {
                try? await RawClient(port: port).request().status
            } until: {
                $0 == 200
            }
            #expect(answer == 200)
            #expect(try await first.lastRequest()?.fields.lowercased().contains("host: ") == true)
            let control = try RawClient(port: controlPort)
            #expect(try await control.request("GET", "/readyz", body: "").status == 200)
            let report = try await control.request("GET", "/report", body: "")
            let seen = try JSONDecoder().decode(ProxyReport.self, from: Data(report.body.utf8))
            #expect(seen.endpoints.filter(\.listening).map(\.deployment.name) == ["d"])
            #expect(seen.refused.map(\.deployment.name) == ["broken"])
            #expect(try await control.request("PUT", "/routes", body: "{}").status == 405)
            // The instance is now another pod, at another address.
            let second = try await ScriptedUpstream(.status(201), host: "127.0.0.3")
            change.yield([route("d", port: port, host: "127.0.0.3", upstream: second.port)])
            let moved = try await eventually {
                try? await RawClient(port: port).request().status
            } until: {
                $0 == 201
            }
            #expect(moved == 201)
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}
