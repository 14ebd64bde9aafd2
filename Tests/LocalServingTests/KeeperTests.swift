import Foundation
import Glibc
import ModelManifests
import SecretFiles
import Testing

@testable import LocalServing

@Suite("A keeper of one instance, with real servers", .timeLimit(.minutes(10)))
struct KeeperTests {
    let test: TestState

    init() throws { test = try TestState() }

    /// Runs a keeper while `body` runs, then asks it to stop.
    private func keeping<Value: Sendable>(
        _ folder: InstanceFolder, _ body: () async throws -> Value
    ) async throws -> (value: Value, exitCode: Int32) {
        async let exitCode = test.keeper(folder.id).run()
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        try folder.requestStop()
        let code = try await exitCode
        return (try outcome.get(), code)
    }

    @Test("a server becomes ready, answers, and has ended after a stop")
    func readyThenStopped() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let (status, code) = try await keeping(folder) {
            let status = try await folder.reaches(.ready)
            #expect(await get(port: status.port ?? 0) == 200)
            return status
        }
        #expect(code == 0)
        #expect(try folder.readStatus()?.phase == .stopped)
        #expect(try folder.readStatus()?.server == nil)
        #expect(status.server?.isAlive == false)
        #expect(status.restarts == 0)
        #expect(status.readySince != nil)
        #expect(PortClaim.range.contains(status.port ?? 0))
    }

    @Test("the environment is exactly as designed")
    func exactEnvironment() async throws {
        _ = try test.writeFile("secrets/api-token", "s3cret\n")
        let runtime = Runtime(
            command: ["/bin/cat"], args: ["/proc/self/environ"],
            env: [
                EnvironmentVariable(name: "GREETING", value: .literal("hello $(MODEL_NAME)")),
                EnvironmentVariable(name: "TOKEN", value: .secret("api-token")),
                EnvironmentVariable(name: "PORT", value: .literal("1")),
            ],
            ports: [ContainerPort(name: "grpc"), ContainerPort(name: "http")])
        let folder = try test.journal(runtime)
        let (variables, _) = try await keeping(folder) {
            try await eventually("its environment") {
                let words = folder.serverOutput.split(separator: "\0").map(String.init)
                return words.isEmpty ? nil : Set(words)
            }
        }
        let fixed = variables.filter { !$0.hasPrefix("PORT") }
        let inherited = InstanceSpec.inherited(from: ProcessInfo.processInfo.environment)
        let expected =
            inherited.map { "\($0.key)=\($0.value)" } + [
                "MODEL_NAME=m", "MODEL_VERSION=1", "MODEL_DIR=\(folder.work)", "GREETING=hello m", "TOKEN=***",
                "MLCTL_INSTANCE=\(try test.state.mark(ofServer: folder.id))",
            ]
        #expect(fixed == Set(expected))
        // It exits at once and is restarted, so there may be more than one line of each variable.
        let ports = variables.subtracting(fixed).map { $0.split(separator: "=").map(String.init) }
        func values(_ name: String) -> Set<String> { Set(ports.filter { $0[0] == name }.map { $0[1] }) }
        #expect(Set(ports.map { $0[0] }) == ["PORT", "PORT_HTTP", "PORT_GRPC"])
        #expect(ports.allSatisfy { PortClaim.range.contains(Int($0[1]) ?? 0) })
        #expect(values("PORT") == values("PORT_HTTP"))
    }

    @Test("a server runs in its model's folder, leads its session, and has three descriptors")
    func cleanStart() async throws {
        let script = """
            import os, signal, sys
            def say(*words): print(*words, flush=True)
            say('CWD', os.getcwd(), 'LEADS', os.getsid(0) == os.getpid())
            say('FDS', sorted(map(int, os.listdir('/proc/self/fd')))[:4])
            say('STDIN', os.readlink('/proc/self/fd/0'), 'TERM', signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
            say('ARGS', *sys.argv[1:])
            """
        let folder = try test.journal(
            Script.runtime(script + "\n" + Script.http, arguments: ["--port=$(PORT)", "$$(PORT)", "$(NOWHERE)"]))
        let (status, _) = try await keeping(folder) { try await folder.reaches(.ready) }
        let lines = folder.serverOutput.split(separator: "\n").map(String.init)
        #expect(lines.contains("CWD \(folder.work) LEADS True"))
        // The fourth descriptor is the folder that is being listed.
        #expect(lines.contains("FDS [0, 1, 2, 3]"))
        #expect(lines.contains("STDIN /dev/null TERM True"))
        #expect(lines.contains("ARGS --port=\(status.port ?? 0) $(PORT) $(NOWHERE)"))
    }

    @Test("a command that is not on PATH blocks the instance, and the status says what to do")
    func missingCommand() async throws {
        let folder = try test.journal(Runtime(command: ["no-such-model-server"]))
        let (status, code) = try await keeping(folder) { try await folder.reaches(.blocked) }
        #expect(status.reason?.contains("no-such-model-server is not on PATH") == true)
        #expect(status.reason?.contains("Install it") == true)
        #expect(code == 0)
    }

    @Test("a manifest that can never work is final")
    func noCommand() async throws {
        let folder = try test.journal(Runtime(command: []))
        #expect(try await test.keeper().run() == 1)
        #expect(try folder.readStatus()?.phase == .failed)
        #expect(try folder.readStatus()?.reason?.contains("needs `command`") == true)
    }

    @Test("a server's secrets appear in no log file and no status, in no encoding and wherever output is split")
    func secretsInLogs() async throws {
        let secret = "s3cr3t/+&-value"
        _ = try test.writeFile("secrets/api-token", secret)
        let script = """
            import base64, json, os, sys, time, urllib.parse
            t = os.environ["TOKEN"]
            for piece in [t[:5], t[5:9], t[9:] + "\\n"]:
                sys.stdout.write(piece); sys.stdout.flush(); time.sleep(0.05)
            print(urllib.parse.quote(t), json.dumps({"t": t}), os.environ["URL"])
            print(base64.b64encode(("user:" + t).encode()).decode(), base64.b64encode(t.encode()).decode())
            sys.stdout.flush()
            print("crash with " + t, file=sys.stderr)
            sys.exit(3)
            """
        let folder = try test.journal(
            Script.runtime(
                script,
                env: [
                    EnvironmentVariable(name: "TOKEN", value: .secret("api-token")),
                    EnvironmentVariable(name: "URL", value: .literal("db://u:$(TOKEN)@h")),
                ]))
        let (status, _) = try await keeping(folder) { try await folder.reaches(.crashLooping) }
        #expect(status.reason?.contains("crash with ***") == true)
        let log = folder.serverOutput
        #expect(log.contains("***") && log.contains("db://u:***@h") && log.contains("{\"t\": \"***\"}"))
        #expect(!log.contains("s3cr3t") && !log.contains("value"))
        #expect(!log.contains(Data(secret.utf8).base64EncodedString().prefix(16)))
    }

    /// A model in the cache, in the store's layout.
    private func cachedModel() throws -> String {
        let folder = "\(test.state.models)/sha256/ab/files"
        _ = try test.writeFile("models/sha256/ab/files/model.bin", "weights")
        chmod("\(folder)/model.bin", 0o644)
        for path in ["", "/sha256", "/sha256/ab", "/sha256/ab/files"] { chmod(test.state.models + path, 0o755) }
        return folder
    }

    @Test(
        "a server can read its model in the cache but write nothing there, even as root",
        .enabled(if: Confinement.isPossible(in: StateFolder(NSTemporaryDirectory()))))
    func readOnlyCache() async throws {
        let model = try cachedModel()
        let script = """
            cat model.bin; echo; echo no > model.bin; echo no > "$$MODEL_DIR/../other"; \
            mount -o remount,bind,rw '\(test.state.models)' 2>/dev/null; echo no > '\(test.state.models)/x'; \
            chmod 777 . ; rm -rf '\(test.state.models)'; touch '\(test.state.path)/elsewhere'; echo done; sleep 60
            """
        let folder = try test.journal(Runtime(command: ["/bin/sh", "-c", script]), modelFolder: model)
        var spec = try #require(try folder.readSpec())
        spec.view = .mount
        try StateFile.write(spec, to: folder.spec)
        _ = try await keeping(folder) {
            try await eventually("it has tried") { folder.serverOutput.contains("done") ? true : nil }
        }
        #expect(folder.serverOutput.hasPrefix("weights"))
        #expect(folder.serverOutput.contains("Read-only file system"))
        #expect(try String(contentsOfFile: "\(model)/model.bin", encoding: .utf8) == "weights")
        #expect(access("\(test.state.models)/sha256/ab/other", F_OK) != 0)
        #expect(access("\(test.state.path)/elsewhere", F_OK) == 0)
    }

    @Test(
        "a server runs as the requested user, and sees only its own part of the state folder",
        .enabled(if: geteuid() == 0 && Confinement.isPossible(in: StateFolder(NSTemporaryDirectory()))),
        arguments: [true, false])
    func otherUser(hasModel: Bool) async throws {
        _ = try test.writeFile("secrets/db", "not for it")
        let model = hasModel ? try cachedModel() : nil
        let script = """
            id -un; echo "home=$$HOME dir=$$MODEL_DIR"; pwd; find '\(test.state.path)' 2>&1; cat model.bin; echo; \
            echo x > "$$MODEL_DIR/written" && echo can-write; echo said > /dev/stdout; \
            grep NoNewPrivs /proc/self/status; echo done; sleep 60
            """
        var runtime = Runtime(command: ["/bin/sh", "-c", script])
        runtime.runAs = RunAs(user: "nobody")
        let folder = try test.journal(runtime, modelFolder: model)
        _ = try await keeping(folder) {
            try await eventually("it has looked") { folder.serverOutput.contains("done") ? true : nil }
        }
        let said = folder.serverOutput
        #expect(
            said.hasPrefix("nobody\nhome=/nonexistent dir=\(model ?? folder.work)\n\(model ?? folder.work)\n"),
            "\(said)")
        #expect(!said.contains("secrets") && !said.contains("spec.json") && said.contains("NoNewPrivs:\t1"), "\(said)")
        #expect(said.contains("weights") == hasModel && said.contains("can-write") != hasModel, "\(said)")
        #expect(said.contains("said"))
    }

    @Test("an unknown user blocks the start, and the status says what to do", .enabled(if: geteuid() == 0))
    func unknownUser() async throws {
        var runtime = Script.runtime(Script.http)
        runtime.runAs = RunAs(user: "nobody-of-this-name")
        let folder = try test.journal(runtime)
        _ = try await keeping(folder) {
            try await eventually("the reason says so") {
                try folder.readStatus()?.reason?.contains("names the user \"nobody-of-this-name\"") == true
                    ? true : nil
            }
        }
    }

    @Test("a server has the secrets of its project and no others")
    func secretsOfProject() async throws {
        _ = try test.writeFile("secrets/other", "x")
        _ = try test.writeFile("secrets/risk/db", "y")
        let project = SecretFolder(path: "\(test.state.path)/secrets/risk", allowed: ["db"])
        for (name, words) in [("other", "policy"), ("db", nil as String?)] {
            let folder = try test.journal(
                Script.runtime(Script.http, env: [EnvironmentVariable(name: "T", value: .secret(name))]),
                id: "m-r-\(name)")
            var spec = try #require(try folder.readSpec())
            spec.secrets = project
            try StateFile.write(spec, to: folder.spec)
            _ = try await keeping(folder) {
                if let words {
                    _ = try await eventually("the reason says so") {
                        try folder.readStatus()?.reason?.contains(words) == true ? true : nil
                    }
                } else {
                    _ = try await folder.reaches(.ready)
                }
                return true
            }
        }
    }

    @Test("a missing secret blocks the start, and the status says where to put it")
    func unknownSecret() async throws {
        let folder = try test.journal(
            Script.runtime(Script.http, env: [EnvironmentVariable(name: "T", value: .secret("missing"))]))
        _ = try await keeping(folder) {
            try await eventually("the reason names the secret") {
                try folder.readStatus()?.reason?.contains("secrets/missing") == true ? true : nil
            }
            // Once it is written, the next attempt finds it.
            _ = try test.writeFile("secrets/missing", "x")
            return try await folder.reaches(.ready)
        }
    }

    @Test("a server that crashes at once is restarted with growing delays, and its last line is the reason")
    func crashLoop() async throws {
        let folder = try test.journal(
            Script.runtime("import sys; print('no model here', file=sys.stderr); sys.exit(3)"))
        let (status, code) = try await keeping(folder) { try await folder.reaches(.crashLooping) }
        #expect(code == 0)
        #expect(status.reason?.contains("exited with status 3") == true)
        #expect(status.reason?.contains("no model here") == true)
        #expect(status.restarts >= 2)
    }

    @Test("a server that never listens does not become ready, and stops with the others")
    func neverReady() async throws {
        let folder = try test.journal(Script.runtime("import time; time.sleep(600)"))
        let (status, _) = try await keeping(folder) {
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
        let (status, _) = try await keeping(folder) {
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
        let (restarted, _) = try await keeping(folder) {
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
        let (status, _) = try await keeping(folder) { try await folder.reaches(.ready) }
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
        let (status, _) = try await keeping(folder) {
            try await eventually("the reason names the warm-up") {
                try folder.readStatus().flatMap { $0.reason?.contains("got status 500") == true ? $0 : nil }
            }
        }
        #expect(status.phase == .starting)
    }

    @Test("a server that exits while it serves is restarted at the same port")
    func restartAfterCrash() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let (again, _) = try await keeping(folder) {
            let first = try await folder.reaches(.ready)
            first.server?.signal(SIGKILL)
            let again = try await eventually("ready again") {
                try folder.readStatus().flatMap { $0.phase == .ready && $0.server != first.server ? $0 : nil }
            }
            #expect(again.port == first.port)
            return again
        }
        #expect(again.restarts == 1)
        #expect(again.keptPorts == nil)
    }

    @Test("if keeper and server are killed together, the next server gets the same port")
    func portOutlivesTheKeeper() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let orphan = try await test.orphan(folder)
        test.killServer(of: folder.id)
        let (again, _) = try await keeping(folder) {
            try await eventually("ready again") {
                try folder.readStatus().flatMap { $0.phase == .ready && $0.server != orphan.server ? $0 : nil }
            }
        }
        #expect(again.port == orphan.port)
    }

    @Test("a port that an endpoint should have is neither kept nor taken")
    func endpointPorts() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let (again, _) = try await keeping(folder) {
            let first = try await folder.reaches(.ready)
            try StateFile.write([first.port ?? 0], to: test.state.endpointPorts)
            first.server?.signal(SIGKILL)
            let again = try await eventually("ready again") {
                try folder.readStatus().flatMap { $0.phase == .ready && $0.server != first.server ? $0 : nil }
            }
            #expect(again.port != first.port)
            return again
        }
        var random = SystemRandomNumberGenerator()
        let all = Set(PortClaim.range).subtracting([again.port ?? 0])
        #expect(try PortClaim.claim(using: &random, avoiding: all).port == again.port)
    }

    @Test("losing readiness takes the instance out of traffic, and regaining it brings it back")
    func unready() async throws {
        let flag = "\(test.state.path)/sick"
        let script = Script.http.replacingOccurrences(
            of: "self.reply(200, b'ok')", with: "self.reply(503 if os.path.exists('\(flag)') else 200, b'')")
        let probe = Probe(check: .httpGet(path: "/ready", port: nil), period: .milliseconds(50), failureThreshold: 2)
        let folder = try test.journal(Script.runtime(script, probes: Probes(readiness: probe)))
        let (unready, _) = try await keeping(folder) {
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
        let (again, _) = try await keeping(folder) {
            _ = try await folder.reaches(.ready)
            _ = try test.writeFile("dead", "")
            _ = try await eventually("a restart") { try folder.readStatus().flatMap { $0.restarts > 0 ? $0 : nil } }
            unlink(flag)
            return try await folder.reaches(.ready)
        }
        #expect(again.restarts >= 1)
    }

    @Test("a server whose parent exits keeps running, and is ended with its whole tree")
    func forks() async throws {
        let script = "import os\nif os.fork(): os._exit(0)\nos.setsid()\n" + Script.http
        let probe = Probe(check: .httpGet(path: "/ready", port: nil), period: .milliseconds(50))
        let folder = try test.journal(Script.runtime(script, probes: Probes(readiness: probe)))
        let ((first, later), code) = try await keeping(folder) {
            let first = try await folder.reaches(.ready)
            // Many checks later it is still the same server.
            _ = try await eventually("20 probes") {
                folder.serverOutput.components(separatedBy: "GET /ready").count > 20 ? true : nil
            }
            return (first, try #require(try folder.readStatus()))
        }
        #expect(first.port == later.port)
        #expect(later.phase == .ready)
        #expect(later.restarts == 0)
        #expect(code == 0)
        #expect(ProcessMark(try test.state.mark(ofServer: folder.id)).tree().isEmpty)
    }

    @Test("a server that ignores SIGTERM is killed after the grace period, with its children")
    func killsTheTree() async throws {
        let script = """
            import os, signal, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for _ in range(3): os.fork()
            """
        let folder = try test.journal(
            Script.runtime(
                script + "\nif os.getsid(0) != os.getpid(): time.sleep(600)\n" + Script.http, grace: .milliseconds(200))
        )
        let mark = ProcessMark(try test.state.mark(ofServer: folder.id))
        let (count, code) = try await keeping(folder) {
            _ = try await folder.reaches(.ready)
            return mark.tree().count
        }
        #expect(count == 8)
        #expect(code == 0)
        #expect(mark.tree().isEmpty)
    }

    @Test("a second keeper of an instance is refused")
    func secondKeeper() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        _ = try await keeping(folder) {
            let first = try await folder.reaches(.ready)
            await #expect(throws: LocalServingError.self) { try await test.keeper().run() }
            #expect(try folder.readStatus() == first)
        }
    }

    @Test("a keeper adopts the server of a keeper that was killed: no model is loaded again")
    func adoption() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let orphan = try await test.orphan(folder)
        let (adopted, code) = try await keeping(folder) {
            _ = try await eventually("its lock is held") { FileLock.isHeld(folder.lock) ? true : nil }
            // The server's output reaches the log, whose pipe the former keeper read before.
            #expect(await get(port: orphan.port ?? 0) == 200)
            return try await eventually("output") {
                folder.serverOutput.contains("GET / HTTP") ? try folder.readStatus() : nil
            }
        }
        #expect(adopted.server == orphan.server)
        #expect(adopted.phase == .ready)
        #expect(adopted.restarts == 0)
        #expect(code == 0)
        #expect(orphan.server?.isAlive == false)
    }

    @Test("a process with the recorded pid but without the mark is never touched")
    func notOurs() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let stranger = try DetachedProcess.spawn(
            program: "/bin/sleep", arguments: ["sleep", "600"], environment: [], workingFolder: "/",
            output: .appending("/dev/null"))
        let identity = try #require(ProcessIdentity(running: stranger))
        defer {
            identity.signal(SIGKILL)
            var status: Int32 = 0
            waitpid(stranger, &status, 0)
        }
        try StateFile.write(
            InstanceStatus(phase: .ready, server: identity, port: 20_000, ports: ["http": 20_000]), to: folder.status)
        let (status, _) = try await keeping(folder) {
            try await eventually("its own server is ready") {
                try folder.readStatus().flatMap { $0.phase == .ready && $0.server != identity ? $0 : nil }
            }
        }
        #expect(status.server != identity)
        #expect(identity.isAlive)
    }

    @Test("limits that cannot be enforced are reported")
    func limits() async throws {
        let folder = try test.journal(
            Script.runtime(Script.http), resources: Resources(cpuLimitMillicores: 500, memoryLimitBytes: 1 << 30))
        let (status, _) = try await keeping(folder) { try await folder.reaches(.ready) }
        let own = String(decoding: readSmallFile("/proc/self/cgroup") ?? [], as: UTF8.self)
        let canLimit = (try? ControlGroup(instance: "probe", resources: Resources(cpuLimitMillicores: 1000)))
        if let canLimit {
            canLimit.remove()
        } else {
            #expect(status.limitsNotEnforced?.hasPrefix("limits not enforced: ") == true, "\(own)")
        }
    }
}

extension TestState {
    /// A server without a keeper, as if the keeper had been killed.
    func orphan(_ folder: InstanceFolder) async throws -> InstanceStatus {
        try StateFile.makeFolder(folder.logs)
        try StateFile.makeFolder(folder.work)
        mkfifo(folder.logPipe, 0o600)
        var random = SystemRandomNumberGenerator()
        let port = try PortClaim.claim(using: &random).port
        var environment = InstanceSpec.inherited(from: ProcessInfo.processInfo.environment)
        environment["PORT"] = "\(port)"
        environment[ProcessMark.variable] = try state.mark(ofServer: folder.id)
        // A shell starts it and exits, so that it is not a child of this process.
        let shell = try DetachedProcess.spawn(
            program: "/bin/sh", arguments: ["sh", "-c", "\"$@\" &", "sh", "python3", "-u", "-c", Script.http],
            environment: environment.map { "\($0.key)=\($0.value)" }, workingFolder: folder.work,
            output: .pipe(folder.logPipe))
        try await eventually("the orphan answers") { await get(port: port) }
        var ended: Int32 = 0
        waitpid(shell, &ended, 0)
        let mark = ProcessMark(try state.mark(ofServer: folder.id))
        let identity = try #require(mark.tree().map(ProcessIdentity.init).first)
        let status = InstanceStatus(
            phase: .ready, server: identity, port: port, ports: ["http": port],
            readySince: Date(timeIntervalSince1970: 0),
            isWarm: true)
        try StateFile.write(status, to: folder.status)
        return status
    }
}
