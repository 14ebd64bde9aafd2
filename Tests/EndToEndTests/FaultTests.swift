import Commands
import ControlPorts
import Demo
import Foundation
import TestSupport
import Testing

/// Invalid input and faults. In every case the serving version continues to serve, and the status says what is wrong.
@Suite("Faults", .serialized)
struct FaultTests {
    /// `good-1` serves; then `body` causes its fault; then `good-1` must still answer.
    private func serving(
        _ body: (Installation, DeploymentStatus) async throws -> Void
    ) async throws {
        try await withInstallation { installation in
            try installation.commit(["model.yaml": installation.manifest("good-1")])
            try await installation.start()
            let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            try await body(installation, status)
            let answered = try await self.answer(status)
            #expect(answered == "good-1")
        }
    }

    private func answer(_ status: DeploymentStatus) async throws -> String {
        let endpoint = try #require(status.endpoint)
        let load = SteadyLoad(ratePerSecond: 50, workers: 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await load.run(against: endpoint) }
            defer { group.cancelAll() }
            while load.total < 5 { try await ContinuousClock().sleep(for: .milliseconds(20)) }
        }
        #expect(load.broken + load.errors == 0, "\(load.reasons)")
        let revision = load.byRevision.keys.sorted()
        return revision == [status.stable?.revision.rawValue ?? ""] ? (status.stable?.version ?? "") : "\(revision)"
    }

    @Test(
        "a candidate that cannot serve is rolled back, with the reason",
        arguments: [("crashing-2", "exited with status 1"), ("stuck-2", "ready")])
    func cannotServe(version: String, reason: String) async throws {
        try await serving { installation, _ in
            try await installation.deploy(version, rollout: QuickRollouts.impatient)
            let end = try await installation.wait("model", for: "a rollback") { $0.phase == .rolledBack }
            #expect(end.message.contains(reason), "\(end.message)")
        }
    }

    private static let canMount = geteuid() == 0 && (try? ChildProcess.run(["unshare", "-m", "true"])) != nil

    @Test(
        "a controller that can keep nothing says why and what to do, and leaves what serves alone",
        .enabled(if: canMount),
        arguments: [
            (
                #"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1""#,
                "its file system is mounted read-only. Mount it"
            ),
            (#"mount -t tmpfs -o ro,mode=700 tmpfs "$1""#, "its file system is mounted read-only. Mount it"),
            (#"mount -t tmpfs -o size=4k,mode=700 tmpfs "$1""#, "its disk is full. Free some space"),
        ])
    func keepsNothing(script: String, reason: String) async throws {
        try await serving { installation, _ in
            try installation.stopController()
            let end = try installation.runController(after: script)
            #expect(end.status == 1, "\(end)")
            #expect(end.error.contains("the controller cannot keep anything in its state folder "), "\(end.error)")
            #expect(end.error.contains(reason), "\(end.error)")
            #expect(end.error.contains("What serves now goes on serving"))
        }
    }

    @Test("a check ends when the controller is killed while the check runs")
    func killedWithCheck() async throws {
        try await serving { installation, _ in
            let file = installation.folder.appending(path: "check.pid")
            let path = file.path(percentEncoded: false)
            // Each dollar sign twice, because mlctl would expand a single one.
            let script = "echo $$$$ > \(path).new && mv \(path).new \(path); sleep 1000"
            let rollout = """
                    gates:
                    - name: golden-set
                      check: {command: [sh, -c, "\(script)"]}
                """
            try await installation.deploy("good-2", rollout: rollout)
            try await installation.until("the check runs") { FileManager.default.fileExists(atPath: path) }
            let pid = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .newlines)
            #expect(Self.isRunning(pid))
            installation.killController()
            try await installation.until("the check has ended") { !Self.isRunning(pid) }
        }
    }

    /// A process that has ended may wait for its parent to reap it.
    private static func isRunning(_ pid: String) -> Bool {
        let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        return stat.map { !$0.contains(") Z ") } ?? false
    }

    @Test(
        "a candidate whose command is missing on this machine waits: stable serves, and the candidate is not quarantined"
    )
    func noSuchCommand() async throws {
        try await serving { installation, _ in
            let manifest = installation.manifest("good-2", command: "[no-such-model-server]")
            try installation.commit(["model.yaml": manifest])
            try await installation.sync()
            try await installation.until("its keeper says what is missing") {
                installation.instances.contains {
                    $0.phase == "blocked" && $0.reason?.contains("no-such-model-server is not on PATH") == true
                }
            }
            let status = try #require(try await installation.status("model"))
            #expect(status.stable?.version == "good-1")
            #expect(status.quarantined == [])
            // The next commit is followed at once.
            try await installation.deploy("good-1")
            try await installation.wait("model", for: "it is as before") { $0.phase == .healthy }
        }
    }

    @Test(
        "a server that crashes in the middle of answers, hangs or is slow is rolled back because of the evidence",
        arguments: ["cut-2", "hanging-2", "slow-2"])
    func worse(version: String) async throws {
        try await withInstallation { installation in
            func manifest(_ version: String) -> String {
                installation.manifest(
                    version, rollout: QuickRollouts.timed, extra: "  endpoint: {requestTimeout: 1s}")
            }
            try installation.commit(["model.yaml": manifest("good-1")])
            try await installation.start()
            let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            let endpoint = try #require(status.endpoint)
            let load = SteadyLoad(ratePerSecond: 200, workers: 16)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await load.run(against: endpoint) }
                defer { group.cancelAll() }
                try await installation.until("stable has a history") { load.total > 400 }
                try installation.commit(["model.yaml": manifest(version)])
                try await installation.sync()
                try await installation.wait("model", for: "a rollback") { $0.phase == .rolledBack }
            }
            let stable = try await installation.status("model")?.stable
            #expect(stable?.version == "good-1")
        }
    }

    @Test("a server that leaves its parents, its session and its environment is kept, and ended with the others")
    func forking() async throws {
        try await withInstallation { installation in
            try installation.commit(["model.yaml": installation.manifest("forking-1")])
            try await installation.start()
            let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            #expect(try await self.answer(status) == "forking-1")
            #expect(installation.starts(of: "forking-1") == 1)
            #expect(installation.escaped.count == 1)
            try installation.stopController()
            let down = try installation.mlctl("down", "--state-dir", installation.state.path(percentEncoded: false))
            #expect(down.status == 0, "\(down.output)\(down.error)")
            #expect(installation.escaped == [])
        }
    }

    @Test("an invalid manifest holds only its own deployment, and the status and validate report the problem")
    func invalidManifest() async throws {
        try await serving { installation, _ in
            let broken = installation.manifest("good-2").replacing("replicas:", with: "replica:")
            try installation.commit([
                "model.yaml": broken, "other.yaml": installation.manifest("good-1", name: "other"),
            ])
            try await installation.sync()
            try await installation.wait("other", for: "the other one serves") { $0.phase == .healthy }
            let found = try await installation.status("model")
            let held = try #require(found)
            #expect(held.message.contains("did you mean 'replicas'"), "\(held.message)")
            #expect(held.stable?.version == "good-1")
            let validate = try installation.mlctl(
                "validate", installation.repo.appending(path: "model.yaml").path(percentEncoded: false))
            #expect(validate.status == 2)
            #expect(validate.output.contains("model.yaml:"))
        }
    }

    @Test("a commit that removes all manifests removes nothing; one that removes a single one removes that deployment")
    func removal() async throws {
        try await serving { installation, _ in
            try installation.commit(["other.yaml": installation.manifest("good-1", name: "other")])
            try await installation.sync()
            try await installation.wait("other", for: "the other one serves") { $0.phase == .healthy }
            try installation.commit(["other.yaml": nil])
            try await installation.sync()
            try await installation.until("the other one is gone") { try await installation.status("other") == nil }
            try installation.commit(["model.yaml": nil])
            try await installation.sync()
            let status = try await installation.client?.status()
            #expect(status?.sources.first?.error?.contains("--allow-empty") == true)
            #expect(status?.deployments.first?.phase == .healthy)
        }
    }

    @Test("a second controller on the same state folder is refused")
    func secondController() async throws {
        try await serving { installation, _ in
            let second = try installation.mlctl(
                "run", "--repo", installation.repo.path(percentEncoded: false), "--state-dir",
                installation.state.path(percentEncoded: false), "--listen", "127.0.0.1:0")
            #expect(second.status == 2)
            #expect(second.error.contains("another controller"), "\(second.error)")
        }
    }

    @Test("a repository that becomes unreachable does not affect what serves, and is reported")
    func repositoryGone() async throws {
        try await serving { installation, _ in
            try FileManager.default.moveItem(
                at: installation.repo, to: installation.folder.appending(path: "elsewhere"))
            await #expect(throws: (any Error).self) { try await installation.sync() }
            let status = try await installation.client?.status()
            #expect(status?.sources.first?.error != nil)
            #expect(status?.deployments.first?.phase == .healthy)
            try FileManager.default.moveItem(
                at: installation.folder.appending(path: "elsewhere"), to: installation.repo)
        }
    }

    @Test("a lost or corrupt journal is reported, and what serves is not affected", arguments: ["missing", "corrupt"])
    func journalLost(how: String) async throws {
        try await serving { installation, _ in
            installation.killController()
            for file in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"] {
                let path = installation.state.appending(path: file)
                guard FileManager.default.fileExists(atPath: path.path(percentEncoded: false)) else { continue }
                if how == "corrupt" {
                    try Data(repeating: 0x5A, count: 8192).write(to: path)
                } else {
                    try FileManager.default.removeItem(at: path)
                }
            }
            try await installation.start()
            try await installation.wait("model", for: "it is healthy again") { $0.phase == .healthy }
            #expect(installation.starts(of: "good-1") == 1)
        }
    }

    @Test("a killed proxy is started again with its routes")
    func proxyKilled() async throws {
        try await serving { installation, status in
            let pid = try #require(installation.process(running: "proxy"))
            kill(pid, SIGKILL)
            try await installation.until("another proxy runs") {
                installation.process(running: "proxy").map { $0 != pid } ?? false
            }
            try await installation.wait("model", for: "it has its endpoint") { $0.endpoint != nil }
            try await installation.until("it listens") { try await self.listens(status) }
        }
    }

    private func listens(_ status: DeploymentStatus) async throws -> Bool {
        let load = SteadyLoad(ratePerSecond: 100, workers: 1)
        let endpoint = try #require(status.endpoint)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await load.run(against: endpoint) }
            defer { group.cancelAll() }
            while load.total < 1 { try await ContinuousClock().sleep(for: .milliseconds(10)) }
        }
        return load.broken == 0
    }

    @Test("the server of a killed keeper continues to serve until another keeper has taken over")
    func keeperKilled() async throws {
        try await withInstallation { installation in
            try installation.commit(["model.yaml": installation.manifest("good-1")])
            try await installation.start()
            let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            let load = SteadyLoad(ratePerSecond: 100)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let endpoint = try #require(status.endpoint)
                group.addTask { try await load.run(against: endpoint) }
                defer { group.cancelAll() }
                let pid = try #require(installation.process(running: "keeper"))
                kill(pid, SIGKILL)
                try await installation.until("another keeper runs") {
                    installation.process(running: "keeper").map { $0 != pid } ?? false
                }
                let before = load.total
                try await installation.until("the load continues") { load.total > before + 200 }
            }
            #expect(load.broken + load.errors == 0, "\(load.reasons)")
        }
    }
}

extension Installation {
    private static var everyProcess: [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    /// The servers of version `forking`, found by a variable that they set in their own environment.
    var escaped: [Int32] {
        let mark = Data("ESCAPED=\(folder.appending(path: "marks").path(percentEncoded: false))".utf8)
        return Self.everyProcess.filter {
            FileManager.default.contents(atPath: "/proc/\($0)/environ")?.split(separator: 0).contains(mark) == true
        }
    }

    /// The process of this test's mlctl that runs `mlctl COMMAND` with this state folder.
    func process(running command: String) -> Int32? {
        for pid in Self.everyProcess {
            guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { continue }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            guard words.count > 2, words[1] == command else { continue }
            if words.contains(where: { $0.hasPrefix(state.path(percentEncoded: false)) }) { return pid }
        }
        return nil
    }
}
