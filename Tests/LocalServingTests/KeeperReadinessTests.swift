import Foundation
import Glibc
import ModelManifests
import SecretFiles
import Testing

@testable import LocalServing

@Suite("When a server is ready, with real servers", .timeLimit(.minutes(10)))
struct KeeperReadinessTests {
    let test: TestState

    init() throws { test = try TestState() }

    @Test("a server that never listens does not become ready, and stops with the others")
    func neverReady() async throws {
        let folder = try test.journal(Script.runtime("import time; time.sleep(600)"))
        let (status, _) = try await test.keeping(folder) {
            try await eventually("a reason") {
                try folder.readStatus().flatMap { $0.reason?.contains("listens on port") == true ? $0 : nil }
            }
        }
        #expect(status.phase == .starting)
        #expect(status.server?.isAlive == false)
    }

    @Test("a server that exceeds its start-up probe's limit is restarted, and the reason says so")
    func startLimit() async throws {
        let probe = Probe(check: .tcpSocket(port: nil), period: .milliseconds(100), failureThreshold: 3)
        let folder = try test.journal(
            Script.runtime("import time; time.sleep(600)", probes: Probes(startup: probe), grace: .milliseconds(100)))
        let (status, _) = try await test.keeping(folder) {
            try await eventually("a second start") {
                try folder.readStatus().flatMap { $0.restarts > 0 ? $0 : nil }
            }
        }
        #expect(status.reason?.contains("not ready within 300ms") == true)
    }

    @Test("another process that listens on the port does not make an instance ready")
    func foreignListener() async throws {
        // The server's child has no mark: a foreign parent starts it with its own environment.
        let folder = try test.journal(Script.runtime("import time; time.sleep(600)", grace: .milliseconds(100)))
        let (restarted, _) = try await test.keeping(folder) {
            let first = try await eventually("a port") { try folder.readStatus().flatMap { $0.port == nil ? nil : $0 } }
            var pid: pid_t = 0
            pid = try DetachedProcess.spawn(
                program: "/usr/bin/env",
                arguments: ["env", "python3", "-c", Script.http],
                environment: ["PORT=\(first.port ?? 0)", "PATH=\(ProcessInfo.processInfo.environment["PATH"] ?? "")"],
                workingFolder: "/", output: .appending("/dev/null"))
            let stranger = try #require(ProcessIdentity(running: pid))
            defer {
                stranger.signal(SIGKILL)
                var status: Int32 = 0
                waitpid(pid, &status, 0)
            }
            let restarted = try await eventually("a start on another port") {
                try folder.readStatus().flatMap {
                    $0.restarts > 0 && $0.port != nil && $0.port != first.port ? $0 : nil
                }
            }
            #expect(stranger.isAlive)
            return restarted
        }
        #expect(restarted.phase != .ready)
    }

    @Test("warm-up requests are sent before the instance is ready")
    func warmUp() async throws {
        let model = "\(test.state.path)/model"
        _ = try test.writeFile("model/warm.jsonl", "{\"x\": 1}\n{\"path\": \"/other\", \"body\": {\"x\": 2}}\n")
        let folder = try test.journal(
            Script.runtime(Script.http, warmup: Warmup(file: "warm.jsonl", path: "/infer")), modelFolder: model)
        let (status, _) = try await test.keeping(folder) { try await folder.reaches(.ready) }
        #expect(status.reason == nil)
        #expect(status.isWarm)
        let posts = folder.serverOutput.split(separator: "\n").filter { $0.hasPrefix("POST") }
        #expect(posts == ["POST /infer {\"x\": 1}", "POST /other {\"x\":2}"])
    }

    @Test("an instance whose warm-up gets 500 does not become ready")
    func failingWarmUp() async throws {
        let model = "\(test.state.path)/model"
        _ = try test.writeFile("model/warm.jsonl", "{\"status\": 500}\n")
        let folder = try test.journal(
            Script.runtime(Script.http, warmup: Warmup(file: "warm.jsonl", path: "/infer")), modelFolder: model)
        let (status, _) = try await test.keeping(folder) {
            try await eventually("the reason names the warm-up") {
                try folder.readStatus().flatMap { $0.reason?.contains("got status 500") == true ? $0 : nil }
            }
        }
        #expect(status.phase == .starting)
    }

    @Test("losing readiness takes the instance out of traffic, and regaining it brings it back")
    func unready() async throws {
        let flag = "\(test.state.path)/sick"
        let script = Script.http.replacingOccurrences(
            of: "self.reply(200, b'ok')", with: "self.reply(503 if os.path.exists('\(flag)') else 200, b'')")
        let probe = Probe(check: .httpGet(path: "/ready", port: nil), period: .milliseconds(50), failureThreshold: 2)
        let folder = try test.journal(Script.runtime(script, probes: Probes(readiness: probe)))
        let (unready, _) = try await test.keeping(folder) {
            _ = try await folder.reaches(.ready)
            _ = try test.writeFile("sick", "")
            let unready = try await folder.reaches(.unready)
            unlink(flag)
            _ = try await folder.reaches(.ready)
            return unready
        }
        #expect(unready.reason?.contains("503") == true)
        #expect(unready.restarts == 0)
    }

    @Test("a failing liveness probe restarts the server")
    func liveness() async throws {
        let flag = "\(test.state.path)/dead"
        let script = Script.http.replacingOccurrences(
            of: "self.reply(200, b'ok')", with: "self.reply(500 if os.path.exists('\(flag)') else 200, b'')")
        let probe = Probe(check: .httpGet(path: "/live", port: "http"), period: .milliseconds(50), failureThreshold: 2)
        let folder = try test.journal(Script.runtime(script, probes: Probes(liveness: probe)))
        let (again, _) = try await test.keeping(folder) {
            _ = try await folder.reaches(.ready)
            _ = try test.writeFile("dead", "")
            _ = try await eventually("a restart") { try folder.readStatus().flatMap { $0.restarts > 0 ? $0 : nil } }
            unlink(flag)
            return try await folder.reaches(.ready)
        }
        #expect(again.restarts >= 1)
    }
}
