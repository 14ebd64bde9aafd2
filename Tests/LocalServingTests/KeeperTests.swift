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

    @Test("a server becomes ready, answers, and has ended after a stop")
    func readyThenStopped() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let (status, code) = try await test.keeping(folder) {
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

    @Test("a command that is not on PATH blocks the instance, and the status says what to do")
    func missingCommand() async throws {
        let folder = try test.journal(Runtime(command: ["no-such-model-server"]))
        let (status, code) = try await test.keeping(folder) { try await folder.reaches(.blocked) }
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

    @Test("a server that crashes at once is restarted with growing delays, and its last line is the reason")
    func crashLoop() async throws {
        let folder = try test.journal(
            Script.runtime("import sys; print('no model here', file=sys.stderr); sys.exit(3)"))
        let (status, code) = try await test.keeping(folder) { try await folder.reaches(.crashLooping) }
        #expect(code == 0)
        #expect(status.reason?.contains("exited with status 3") == true)
        #expect(status.reason?.contains("no model here") == true)
        #expect(status.restarts >= 2)
    }

    @Test("a server whose parent exits keeps running, and is ended with its whole tree")
    func forks() async throws {
        let script = "import os\nif os.fork(): os._exit(0)\nos.setsid()\n" + Script.http
        let probe = Probe(check: .httpGet(path: "/ready", port: nil), period: .milliseconds(50))
        let folder = try test.journal(Script.runtime(script, probes: Probes(readiness: probe)))
        let ((first, later), code) = try await test.keeping(folder) {
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
        let (count, code) = try await test.keeping(folder) {
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
        _ = try await test.keeping(folder) {
            let first = try await folder.reaches(.ready)
            await #expect(throws: LocalServingError.self) { try await test.keeper().run() }
            #expect(try folder.readStatus() == first)
        }
    }

    @Test("a keeper adopts the server of a keeper that was killed: no model is loaded again")
    func adoption() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let orphan = try await test.orphan(folder)
        let (adopted, code) = try await test.keeping(folder) {
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
        let (status, _) = try await test.keeping(folder) {
            try await eventually("its own server is ready") {
                try folder.readStatus().flatMap { $0.phase == .ready && $0.server != identity ? $0 : nil }
            }
        }
        #expect(status.server != identity)
        #expect(identity.isAlive)
    }
}
