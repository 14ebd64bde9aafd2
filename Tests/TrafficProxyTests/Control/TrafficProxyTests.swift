import Foundation
import Logging
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct TrafficProxyTests {
    private func configuration(_ directory: String) -> TrafficProxyConfiguration {
        TrafficProxyConfiguration(
            stateDirectory: directory, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            handlesSignals: false)
    }

    private func withStateDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "mlctl-proxy-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(directory)
    }

    /// Runs a proxy on the directory while `body` runs, then stops it and waits for its end.
    private func withProxy(_ directory: String, _ body: (ProxyFiles) async throws -> Void) async throws {
        let proxy = TrafficProxy(configuration: configuration(directory))
        let files = ProxyFiles(stateDirectory: directory)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await proxy.run() }
            _ = try await eventually {
                try? await RawClient(unixSocket: files.controlSocket).request("GET", "/healthz", body: "").status
            } until: {
                $0 == 200
            }
            try await body(files)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func routes(port: Int, upstream: Int, generation: Int = 1) throws -> String {
        let routes = ProxyRoutes(
            generation: generation,
            routes: [
                ProxyRoute(
                    deployment: DeploymentKey(name: "d"), port: port,
                    revisions: [
                        RevisionRoute(
                            revision: Revision(rawValue: "r"), weight: 100,
                            upstreams: [Upstream(instance: "i", port: upstream)])
                    ])
            ])
        return String(decoding: try JSONEncoder().encode(routes), as: UTF8.self)
    }

    private func report(_ answer: RawClient.Answer) throws -> ProxyReport {
        try JSONDecoder().decode(ProxyReport.self, from: Data(answer.body.utf8))
    }

    @Test("routes arrive over the control socket; report and metrics show their traffic")
    func control() async throws {
        try await withStateDirectory { directory in
            try await withProxy(directory) { files in
                let upstream = try await ScriptedUpstream(.status(200))
                let port = try HeldPort.refusing()
                let control = try RawClient(unixSocket: files.controlSocket)
                let put = try await control.request(
                    "PUT", "/routes", body: try routes(port: port, upstream: upstream.port, generation: 7))
                #expect(put.status == 200)
                let applied = try report(put)
                #expect(applied.generation == 7 && !applied.epoch.isEmpty)
                #expect(
                    applied.endpoints == [
                        EndpointReport(deployment: DeploymentKey(name: "d"), port: port, listening: true)
                    ])
                #expect(try await RawClient(port: port).request().status == 200)
                let seen = try report(try await control.request("GET", "/report", body: ""))
                #expect(seen.epoch == applied.epoch)
                #expect(seen.instances.first?.counters.requests == 1)
                let metrics = try await control.request("GET", "/metrics", body: "")
                #expect(
                    metrics.body.contains(
                        "mlctl_proxy_requests_total{namespace=\"default\",deployment=\"d\",revision=\"r\","
                            + "instance=\"i\"} 1\n"
                    ))
                #expect(try await control.request("GET", "/nowhere", body: "").status == 404)
                #expect(try await control.request("DELETE", "/routes", body: "").status == 405)
            }
        }
    }

    @Test("invalid routes are refused with the reason, and the others are followed")
    func invalid() async throws {
        try await withStateDirectory { directory in
            try await withProxy(directory) { files in
                let upstream = try await ScriptedUpstream(.status(200))
                let port = try HeldPort.refusing()
                let control = try RawClient(unixSocket: files.controlSocket)
                _ = try await control.request("PUT", "/routes", body: try routes(port: port, upstream: upstream.port))
                let garbage = try await control.request("PUT", "/routes", body: "{\"routes\": 3}")
                #expect(garbage.status == 400)
                let looped = try await control.request(
                    "PUT", "/routes", body: try routes(port: upstream.port, upstream: upstream.port, generation: 2))
                let report = try report(looped)
                #expect(report.generation == 2 && report.refused.first?.reasons.first?.contains("call itself") == true)
                #expect(try await RawClient(port: port).request().status == 200)
            }
        }
    }

    @Test("an endpoint that could not move stays at its old port, also after a restart")
    func heldPort() async throws {
        try await withStateDirectory { directory in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try HeldPort.refusing()
            try await HeldPort.withDeafListener { taken in
                try await withProxy(directory) { files in
                    let control = try RawClient(unixSocket: files.controlSocket)
                    _ = try await control.request(
                        "PUT", "/routes", body: try routes(port: port, upstream: upstream.port))
                    let moved = try await control.request(
                        "PUT", "/routes", body: try routes(port: taken, upstream: upstream.port, generation: 2))
                    #expect(try report(moved).endpoints.map(\.port) == [port])
                }
                try await withProxy(directory) { _ in
                    let status = try await RawClient(port: port).request().status
                    #expect(status == 200)
                }
            }
        }
    }

    @Test("a restarted proxy serves its last routes without a controller, in a new epoch")
    func restart() async throws {
        try await withStateDirectory { directory in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try HeldPort.refusing()
            var epochs: Set<String> = []
            try await withProxy(directory) { files in
                let control = try RawClient(unixSocket: files.controlSocket)
                let put = try await control.request(
                    "PUT", "/routes", body: try routes(port: port, upstream: upstream.port, generation: 9))
                epochs.insert(try report(put).epoch)
            }
            try await withProxy(directory) { files in
                #expect(try await RawClient(port: port).request().status == 200)
                let control = try RawClient(unixSocket: files.controlSocket)
                let now = try report(try await control.request("GET", "/report", body: ""))
                #expect(now.generation == 9)
                epochs.insert(now.epoch)
            }
            #expect(epochs.count == 2)
        }
    }

    @Test("users of an A/B test stay at their revision over a restart, and over later weights")
    func keptUsers() async throws {
        try await withStateDirectory { directory in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try HeldPort.refusing()
            func routes(_ weight: Int) throws -> String {
                let revisions = [("a", 100 - weight), ("b", weight)].map { name, weight in
                    RevisionRoute(
                        revision: Revision(rawValue: name), weight: weight,
                        upstreams: [Upstream(instance: name, port: upstream.port)])
                }
                let route = ProxyRoute(
                    deployment: DeploymentKey(name: "d"), port: port, routing: .stickyCookie("u"),
                    revisions: revisions, keepsUsers: true)
                return String(decoding: try JSONEncoder().encode(ProxyRoutes(routes: [route])), as: UTF8.self)
            }
            func revisions(_ users: Range<Int>) async throws -> [String?] {
                let client = try RawClient(port: port)
                var revisions: [String?] = []
                for user in users {
                    revisions.append(try await client.request(fields: ["cookie: u=\(user)"]).field("x-mlctl-revision"))
                }
                return revisions
            }
            var first: [String?] = []
            var second: [String?] = []
            try await withProxy(directory) { files in
                let control = try RawClient(unixSocket: files.controlSocket)
                _ = try await control.request("PUT", "/routes", body: try routes(10))
                first = try await revisions(0..<100)
                _ = try await control.request("PUT", "/routes", body: try routes(60))
                second = try await revisions(100..<200)
            }
            try await withProxy(directory) { files in
                #expect(try await revisions(0..<200) == first + second)
                let control = try RawClient(unixSocket: files.controlSocket)
                _ = try await control.request("PUT", "/routes", body: try routes(99))
                #expect(try await revisions(0..<200) == first + second)
                let third = try await revisions(200..<250)
                let newAtB = third.count { $0 == "b" }
                #expect(newAtB > 40)
                let kept = try FileManager.default.contentsOfDirectory(atPath: files.keptUsers)
                #expect(kept.count == 1)
            }
            // By the weights alone, most of the first users would be at the new revision.
            let firstAtB = first.count { $0 == "b" }
            #expect(firstAtB < 30)
        }
    }

    @Test("the key of request IDs outlives a restart, and can be read by other processes of the user")
    func requestIdKey() async throws {
        try await withStateDirectory { directory in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try HeldPort.refusing()
            var ids: [String] = []
            for _ in 0..<2 {
                try await withProxy(directory) { files in
                    let control = try RawClient(unixSocket: files.controlSocket)
                    _ = try await control.request(
                        "PUT", "/routes", body: try routes(port: port, upstream: upstream.port))
                    ids.append(try #require(try await RawClient(port: port).request().field("x-mlctl-request-id")))
                }
            }
            let path = ProxyFiles(stateDirectory: directory).requestIdKey
            let key = try #require(RequestIdentityKey(Array(try Data(contentsOf: URL(fileURLWithPath: path)))))
            for id in ids {
                let identity = try #require(RequestIdentity(id, of: DeploymentKey(name: "d"), key: key))
                #expect(identity.revision.rawValue == "r")
                #expect(abs(Double(identity.atSeconds) - Date().timeIntervalSince1970) < 600)
            }
        }
    }

    @Test("recorded requests come from their file; a bad file is a problem in the report, and users are still served")
    func recorded() async throws {
        try await withStateDirectory { directory in
            try await withProxy(directory) { files in
                let upstream = try await ScriptedUpstream(.status(200))
                let port = try HeldPort.refusing()
                let file = directory + "/requests.jsonl"
                func put() async throws -> ProxyReport {
                    let revision = RevisionRoute(
                        revision: Revision(rawValue: "r"), weight: 100,
                        upstreams: [Upstream(instance: "i", port: upstream.port)])
                    let route = ProxyRoute(
                        deployment: DeploymentKey(name: "d"), port: port, revisions: [revision],
                        generate: SyntheticRoute(ratePerSecond: 200, file: file, path: "/infer"))
                    let body = String(decoding: try JSONEncoder().encode(ProxyRoutes(routes: [route])), as: UTF8.self)
                    return try report(
                        try await RawClient(unixSocket: files.controlSocket).request("PUT", "/routes", body: body))
                }
                let missing = try await put()
                #expect(missing.endpoints.first?.problems.first?.contains("\(file) does not exist") == true)
                #expect(try await RawClient(port: port).request().status == 200)
                try "{\"a\": 1}\n".write(toFile: file, atomically: true, encoding: .utf8)
                #expect(try await put().endpoints.first?.problems == [])
                let seen = try await eventually {
                    try report(
                        try await RawClient(unixSocket: files.controlSocket).request("GET", "/report", body: ""))
                } until: {
                    $0.instances.first?.counters.synthetic?.requests ?? 0 > 3
                }
                #expect(seen.instances.first?.counters.synthetic?.requests ?? 0 > 3)
                #expect(seen.instances.first?.counters.requests == 1)
            }
        }
    }

    @Test("damaged last routes are set aside, and the proxy starts without routes")
    func brokenRoutes() async throws {
        try await withStateDirectory { directory in
            let files = ProxyFiles(stateDirectory: directory)
            try files.create()
            try Data("{\"generation\": 1, \"rou".utf8).write(to: URL(fileURLWithPath: files.routes))
            try await withProxy(directory) { files in
                let control = try RawClient(unixSocket: files.controlSocket)
                #expect(try report(try await control.request("GET", "/report", body: "")).endpoints.isEmpty)
                #expect(FileManager.default.fileExists(atPath: files.routes + ".broken"))
            }
        }
    }

    @Test("there is one proxy per state directory, and only its user can connect to it")
    func alone() async throws {
        try await withStateDirectory { directory in
            try await withProxy(directory) { files in
                let error = await #expect(throws: ProxyError.self) {
                    try await TrafficProxy(configuration: configuration(directory)).run()
                }
                #expect(error?.code == .alreadyRunning && error?.message.contains("mlctl down") == true)
                // The socket is restricted right after it was created. Its folder is private all the time.
                let permissions = try await eventually {
                    try FileManager.default.attributesOfItem(atPath: files.controlSocket)[.posixPermissions] as? Int
                } until: {
                    $0 == 0o600
                }
                #expect(permissions == 0o600)
                #expect(
                    try await RawClient(unixSocket: files.controlSocket).request("GET", "/healthz", body: "").status
                        == 200)
            }
        }
    }

    @Test(
        "a revision taken out of traffic stays out after a restart, even if the routes file could not be replaced")
    func fullDisk() async throws {
        try await withStateDirectory { directory in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try HeldPort.refusing()
            func routes(_ generation: Int, _ weight: Int) throws -> String {
                let revisions = [("a", 100 - weight), ("b", weight)].map { name, weight in
                    RevisionRoute(
                        revision: Revision(rawValue: name), weight: weight,
                        upstreams: [Upstream(instance: name, port: upstream.port)])
                }
                let route = ProxyRoute(deployment: DeploymentKey(name: "d"), port: port, revisions: revisions)
                let all = ProxyRoutes(generation: generation, routes: [route])
                return String(decoding: try JSONEncoder().encode(all), as: UTF8.self)
            }
            func followed(_ files: ProxyFiles) async throws -> ProxyRoutes {
                let answer = try await RawClient(unixSocket: files.controlSocket).request("GET", "/routes", body: "")
                return try JSONDecoder().decode(ProxyRoutes.self, from: Data(answer.body.utf8))
            }
            // A folder blocks the name of the temporary file.
            let inTheWay = ProxyFiles(stateDirectory: directory).routes + ".new"
            try await withProxy(directory) { files in
                let control = try RawClient(unixSocket: files.controlSocket)
                _ = try await control.request("PUT", "/routes", body: try routes(5, 50))
                try FileManager.default.createDirectory(atPath: inTheWay, withIntermediateDirectories: false)
                _ = try await control.request("PUT", "/routes", body: try routes(6, 0))
            }
            try await withProxy(directory) { files in
                let now = try await followed(files)
                #expect(now.generation == 6 && now.routes.first?.revisions.map(\.weight) == [100, 0])
                try FileManager.default.removeItem(atPath: inTheWay)
                let control = try RawClient(unixSocket: files.controlSocket)
                _ = try await control.request("PUT", "/routes", body: try routes(7, 20))
            }
            try await withProxy(directory) { files in
                let now = try await followed(files)
                #expect(now.generation == 7 && now.routes.first?.revisions.map(\.weight) == [80, 20])
            }
        }
    }

    @Test("the control socket may be elsewhere, and is in place even for the longest state directory")
    func places() async throws {
        try await withStateDirectory { directory in
            let longest = 103 - "/proxy/control.sock".utf8.count
            let long = directory + "/" + String(repeating: "a", count: longest - directory.utf8.count - 1)
            try await withProxy(long + "/") { files in
                #expect(files.controlSocket.utf8.count == 103)
            }
            var elsewhere = configuration(directory)
            elsewhere.controlSocket = "\(directory)/other.sock"
            let proxy = TrafficProxy(configuration: elsewhere)
            let run = Task { try await proxy.run() }
            _ = try await eventually {
                try? await RawClient(unixSocket: "\(directory)/other.sock").request("GET", "/healthz", body: "").status
            } until: {
                $0 == 200
            }
            #expect(!FileManager.default.fileExists(atPath: ProxyFiles(stateDirectory: directory).controlSocket))
            run.cancel()
            try await run.value
            #expect(!FileManager.default.fileExists(atPath: "\(directory)/other.sock"))
        }
    }

    @Test("a state directory whose name is too long for a socket is refused with the reason")
    func longName() async throws {
        try await withStateDirectory { directory in
            let long = directory + "/" + String(repeating: "a", count: 120)
            let error = await #expect(throws: ProxyError.self) {
                try await TrafficProxy(configuration: configuration(long)).run()
            }
            #expect(error?.code == .controlSocket && error?.message.contains("shorter") == true)
        }
    }

    @Test(
        "a stopping proxy finishes requests in progress, tells clients to close, and accepts no connections")
    func drains() async throws {
        try await withStateDirectory { directory in
            let upstream = try await ScriptedUpstream(.events)
            let port = try HeldPort.refusing()
            let files = ProxyFiles(stateDirectory: directory)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let proxy = TrafficProxy(configuration: configuration(directory))
                group.addTask { try await proxy.run() }
                _ = try await eventually {
                    try? await RawClient(unixSocket: files.controlSocket).request("GET", "/healthz", body: "").status
                } until: {
                    $0 == 200
                }
                _ = try await RawClient(unixSocket: files.controlSocket).request(
                    "PUT", "/routes", body: try routes(port: port, upstream: upstream.port))
                let client = try RawClient(port: port)
                try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
                _ = try await client.read(until: "\r\n\r\n")
                group.cancelAll()
                let accepts = try await eventually {
                    (try? RawClient(port: port)) != nil
                } until: {
                    !$0
                }
                #expect(!accepts)
                try await upstream.stream("end", ends: true)
                #expect(try await client.readToEnd() == "3\r\nend\r\n0\r\n\r\n")
                try await group.waitForAll()
            }
            #expect(!FileManager.default.fileExists(atPath: files.controlSocket))
        }
    }
}
