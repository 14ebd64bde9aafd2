import Foundation
import Glibc
import ModelManifests
import SecretFiles
import Testing

@testable import LocalServing

@Suite("What a server can see and touch, with real servers", .timeLimit(.minutes(10)))
struct KeeperIsolationTests {
    let test: TestState

    init() throws { test = try TestState() }

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
        let (variables, _) = try await test.keeping(folder) {
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
        let (status, _) = try await test.keeping(folder) { try await folder.reaches(.ready) }
        let lines = folder.serverOutput.split(separator: "\n").map(String.init)
        #expect(lines.contains("CWD \(folder.work) LEADS True"))
        // The fourth descriptor is the folder that is being listed.
        #expect(lines.contains("FDS [0, 1, 2, 3]"))
        #expect(lines.contains("STDIN /dev/null TERM True"))
        #expect(lines.contains("ARGS --port=\(status.port ?? 0) $(PORT) $(NOWHERE)"))
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
        let (status, _) = try await test.keeping(folder) { try await folder.reaches(.crashLooping) }
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
        _ = try await test.keeping(folder) {
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
        _ = try await test.keeping(folder) {
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
        _ = try await test.keeping(folder) {
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
            _ = try await test.keeping(folder) {
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
        _ = try await test.keeping(folder) {
            try await eventually("the reason names the secret") {
                try folder.readStatus()?.reason?.contains("secrets/missing") == true ? true : nil
            }
            // Once it is written, the next attempt finds it.
            _ = try test.writeFile("secrets/missing", "x")
            return try await folder.reaches(.ready)
        }
    }

    @Test("limits that cannot be enforced are reported")
    func limits() async throws {
        let folder = try test.journal(
            Script.runtime(Script.http), resources: Resources(cpuLimitMillicores: 500, memoryLimitBytes: 1 << 30))
        let (status, _) = try await test.keeping(folder) { try await folder.reaches(.ready) }
        let own = String(decoding: readSmallFile("/proc/self/cgroup") ?? [], as: UTF8.self)
        let canLimit = (try? ControlGroup(instance: "probe", resources: Resources(cpuLimitMillicores: 1000)))
        if let canLimit {
            canLimit.remove()
        } else {
            #expect(status.limitsNotEnforced?.hasPrefix("limits not enforced: ") == true, "\(own)")
        }
    }
}
