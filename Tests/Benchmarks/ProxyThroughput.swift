import Foundation
import ModelManifests
import Serving

/// Small JSON POSTs over 64 connections through the proxy to one nginx worker. HAProxy with one thread does the same,
/// in alternating rounds.
enum ProxyThroughput {
    static let rounds = 5
    static let secondsPerRound = 4

    struct Sample {
        var requestsPerSecond: Double
        var p99Ms: Double
        var failures: Int
    }

    static func run(mlctl: URL) async throws -> [Figure] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-bench-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let ports = Ports(nginx: 18_080, haproxy: 18_081, mlctl: 18_082)
        var processes: [Process] = []
        defer {
            for process in processes where process.isRunning {
                process.terminate()
                process.waitUntilExit()
            }
        }
        processes.append(try nginx(folder, ports))
        processes.append(try haproxy(folder, ports))
        processes.append(try proxy(mlctl, folder, ports))
        let script = folder.appending(path: "post.lua")
        try #"""
        wrk.method = "POST"
        wrk.body = '{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[1.0,2.0,3.0,4.0]}]}'
        wrk.headers["content-type"] = "application/json"
        """#.write(to: script, atomically: true, encoding: .utf8)
        try await Task.sleep(for: .seconds(1))

        var (ours, theirs): ([Sample], [Sample]) = ([], [])
        for _ in 0..<rounds {
            theirs.append(try wrk(script, ports.haproxy))
            ours.append(try wrk(script, ports.mlctl))
        }
        let rate = ours.map(\.requestsPerSecond).median
        let peer = theirs.map(\.requestsPerSecond).median
        let ratio = zip(ours, theirs).map { $0.requestsPerSecond / $1.requestsPerSecond }.median
        let p99 = ours.map(\.p99Ms).median
        let failures = ours.map(\.failures).reduce(0, +)
        let peerText = "HAProxy \(text(peer)) requests/s, p99 \(text(theirs.map(\.p99Ms).median, 1)) ms"
        return [
            Figure(
                what: "proxy throughput, 64 connections", goal: "at least 16,700 requests/s",
                measured: "\(text(rate)) requests/s, \(failures) failed", peer: peerText,
                isMet: rate >= 16_700 && failures == 0),
            Figure(
                what: "proxy throughput beside HAProxy", goal: "at least 0.6", measured: text(ratio, 2), peer: peerText,
                isMet: ratio >= 0.6),
            Figure(
                what: "proxy p99", goal: "under 10 ms", measured: "\(text(p99, 1)) ms", peer: peerText, isMet: p99 < 10),
        ]
    }

    struct Ports {
        var nginx: Int
        var haproxy: Int
        var mlctl: Int
    }

    private static func nginx(_ folder: URL, _ ports: Ports) throws -> Process {
        let file = folder.appending(path: "nginx.conf")
        try """
        daemon off; master_process on; worker_processes 1; pid \(folder.path)/nginx.pid; error_log \(folder.path)/nginx.log;
        events { worker_connections 4096; }
        http { access_log off; keepalive_requests 1000000000; client_body_temp_path \(folder.path)/body;
          proxy_temp_path \(folder.path)/p; fastcgi_temp_path \(folder.path)/f; uwsgi_temp_path \(folder.path)/u;
          scgi_temp_path \(folder.path)/s;
          server { listen 127.0.0.1:\(ports.nginx); location / { default_type application/json;
            return 200 '{"outputs":[{"name":"y","shape":[1],"datatype":"FP64","data":[0.5]}]}'; } } }
        """.write(to: file, atomically: true, encoding: .utf8)
        return try start("nginx", ["-c", file.path], folder)
    }

    private static func haproxy(_ folder: URL, _ ports: Ports) throws -> Process {
        let file = folder.appending(path: "haproxy.cfg")
        try """
        global
          nbthread 1
          maxconn 4096
        defaults
          mode http
          timeout connect 5s
          timeout client 60s
          timeout server 60s
          http-reuse always
        frontend f
          bind 127.0.0.1:\(ports.haproxy)
          default_backend b
        backend b
          server s 127.0.0.1:\(ports.nginx)

        """.write(to: file, atomically: true, encoding: .utf8)
        return try start("haproxy", ["-f", file.path, "-db"], folder)
    }

    private static func proxy(_ mlctl: URL, _ folder: URL, _ ports: Ports) throws -> Process {
        let state = folder.appending(path: "state/proxy")
        try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true)
        let revision = Revision(rawValue: "0123456789")
        let routes = ProxyRoutes(
            generation: 1,
            routes: [
                ProxyRoute(
                    deployment: DeploymentKey(namespace: "bench", name: "model"), port: ports.mlctl,
                    revisions: [
                        RevisionRoute(
                            revision: revision, weight: 100, upstreams: [Upstream(instance: "one", port: ports.nginx)])
                    ])
            ])
        try JSONEncoder().encode(routes).write(to: state.appending(path: "routes.json"))
        return try start(mlctl.path, ["proxy", "--state-dir", folder.appending(path: "state").path], folder)
    }

    static func start(_ program: String, _ arguments: [String], _ folder: URL) throws -> Process {
        let process = Process()
        let path = ["/usr/sbin/", "/usr/bin/", ""].map { $0 + program }.first {
            $0.hasPrefix("/") && FileManager.default.isExecutableFile(atPath: $0)
        }
        guard let path else { throw BenchmarkError("\(program) is not installed: 'make bench' installs it") }
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    private static func wrk(_ script: URL, _ port: Int) throws -> Sample {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/wrk")
        process.arguments = [
            "-t1", "-c64", "-d\(secondsPerRound)s", "--latency", "-s", script.path,
            "http://127.0.0.1:\(port)/v2/models/m/infer",
        ]
        process.standardOutput = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard let rate = value("Requests/sec:", in: output).flatMap({ Double($0) }),
            let p99Ms = value("99%", in: output).flatMap(milliseconds)
        else { throw BenchmarkError("wrk said: \(output)") }
        let bad = value("Non-2xx or 3xx responses:", in: output).flatMap { Int($0) } ?? 0
        let errors = output.split(separator: "\n").first { $0.contains("Socket errors") }
        let numbers: [Int] = (errors ?? "").split { !$0.isNumber }.compactMap { Int($0) }
        return Sample(requestsPerSecond: rate, p99Ms: p99Ms, failures: bad + numbers.reduce(0, +))
    }

    /// The value after `label` on its line of wrk's report.
    private static func value(_ label: String, in report: String) -> String? {
        report.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.first { $0.hasPrefix(label) }
            .map { $0.dropFirst(label.count).trimmingCharacters(in: .whitespaces) }
    }

    /// wrk writes `512.00us`, `2.60ms`, `1.02s`.
    private static func milliseconds(_ text: String) -> Double? {
        let units: [(String, Double)] = [("us", 0.001), ("ms", 1), ("s", 1000)]
        guard let unit = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        return Double(text.dropLast(unit.0.count)).map { $0 * unit.1 }
    }
}
