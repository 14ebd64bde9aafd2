import Foundation
import Glibc
import ModelManifests
import Serving
import Synchronization
import Testing

@testable import LocalServing

/// Tests of a machine without free space, without files, or without a program.
@Suite("The local backend on a machine with faults", .timeLimit(.minutes(10)))
struct MachineFaultTests {
    let stage: BackendStage

    init() throws { stage = try BackendStage() }

    private var a: Revision { stage.a }
    private var b: Revision { stage.b }
    private var key: DeploymentKey { stage.key }

    /// Splits traffic equally between `a` and `b`.
    private func half(_ backend: LocalBackend) async throws {
        try await backend.apply(stage.plan((a, 1, 50), (b, 1, 50)))
        try await eventually("both have their half") {
            await backend.observe(key).weights == [a: 50, b: 50] ? true : nil
        }
    }

    @Test("a plan that removes traffic reaches the proxy even if nothing can be written, and is written later")
    func unwritableRecord() async throws {
        try await stage.running { backend in
            try await half(backend)
            let record = DeploymentRecord.path(key, in: stage.state)
            // A file cannot be renamed over a folder that is not empty.
            unlink(record)
            _ = try stage.test.writeFile("deployments/default/m.json/in-the-way", "")
            try await backend.apply(stage.plan((a, 1, 100), (b, 1, 0)))
            try await eventually("the traffic is back at a") {
                await backend.observe(key).weights == [a: 100, b: 0] ? true : nil
            }
            #expect(await backend.observe(key).problems.contains { $0.contains("m.json cannot be written") })
            try FileManager.default.removeItem(atPath: record)
            try await eventually("the problem is over") { await backend.observe(key).problems == [] ? true : nil }
            let saved = try StateFile.read(DeploymentRecord.self, from: record)
            #expect(saved?.plan == stage.plan((a, 1, 100), (b, 1, 0)))
        }
        try await stage.down()
    }

    @Test("a revision that leaves is stopped even if the request to stop cannot be written")
    func unwritableInstance() async throws {
        try await stage.running { backend in
            try await half(backend)
            let seen = await backend.observe(key)
            let id = try #require(seen.instances.first { $0.revision == b }?.id)
            let folder = stage.state.instance(id)
            let server = try #require(try folder.readStatus()?.server)
            // A folder blocks the name of the temporary file.
            for file in ["leaving.json", "stop"] {
                _ = try stage.test.writeFile("instances/\(id)/\(file).\(getpid()).new/x", "")
            }
            try await backend.apply(stage.plan((a, 1, 100)))
            try await eventually("its server is gone") { server.isAlive ? nil : true }
            try await eventually("nothing is left of it") {
                await backend.observe(key).instances.contains { $0.id == id } ? nil : true
            }
        }
        try await stage.down()
    }

    @Test(
        "with a full disk, traffic is removed, crashes are seen, and leaving instances are stopped",
        .enabled(if: SmallDisk.isPossible, "only root, in a mount namespace of its own, may make a disk"))
    func fullDisk() async throws {
        let disk = try SmallDisk(bytes: 1 << 20)
        let stage = try BackendStage(in: disk.path)
        try await stage.running { backend in
            try await half(backend)
            let before = await backend.observe(key)
            let ids = Dictionary(before.instances.map { ($0.revision, $0.id) }) { $1 }
            try disk.fill()
            try await backend.apply(stage.plan((a, 1, 100), (b, 1, 0)))
            try await eventually("the traffic is back at a") {
                await backend.observe(key).weights == [a: 100, b: 0] ? true : nil
            }
            #expect(await backend.observe(key).problems.contains { $0.contains("Free some disk space") })
            // The keeper has no space for a second status file, but its status must still be current.
            try stage.state.instance(ids[a] ?? "").readStatus()?.server?.signal(SIGKILL)
            try await eventually("the crash was seen, and is over") {
                let seen = await backend.observe(key).instances.first { $0.id == ids[a] }
                return seen?.restarts == 1 && seen?.condition == .ready ? true : nil
            }
            let server = try #require(try stage.state.instance(ids[b] ?? "").readStatus()?.server)
            try await backend.apply(stage.plan((a, 1, 100)))
            try await eventually("b is stopped") { server.isAlive ? nil : true }
            try disk.empty()
            try await eventually("the problems are over") { await backend.observe(key).problems == [] ? true : nil }
            #expect(
                try StateFile.read(DeploymentRecord.self, from: DeploymentRecord.path(key, in: stage.state))?.plan
                    == stage.plan((a, 1, 100)))
        }
        try await stage.down()
    }

    @Test(
        "with a full disk, what served before is restarted, using the reserved space",
        .enabled(if: SmallDisk.isPossible, "only root, in a mount namespace of its own, may make a disk"))
    func spaceReserve() async throws {
        let disk = try SmallDisk(bytes: 64 << 20)
        let stage = try BackendStage(in: disk.path)
        try await stage.running { backend in
            try await backend.apply(stage.plan((a, 0, 0), (b, 1, 100)))
            try await eventually("b is ready") { await backend.observe(key).ready(b) == 1 ? true : nil }
            try disk.fill()
            #expect(access(stage.state.spaceReserve, F_OK) == 0)
            try await backend.apply(stage.plan((a, 1, 100)))
            try await eventually("a is back") { await backend.observe(key).ready(a) == 1 ? true : nil }
            #expect(access(stage.state.spaceReserve, F_OK) != 0)
            try disk.empty()
            try await backend.apply(stage.plan((a, 2, 100)))
            try await eventually("there is a reserve again") {
                access(stage.state.spaceReserve, F_OK) == 0 ? true : nil
            }
        }
        try await stage.down()
    }

    @Test(
        "with a read-only state folder, a proxy that was killed comes back",
        .enabled(if: SmallDisk.isPossible, "only root, in a mount namespace of its own, may make a disk"))
    func readOnlyFolder() async throws {
        let disk = try SmallDisk(bytes: 1 << 20)
        let stage = try BackendStage(in: disk.path)
        try await stage.running { backend in
            try await half(backend)
            try disk.makeReadOnly()
            let mark = ProcessMark(try stage.state.mark(of: .proxy))
            let former = try #require(mark.tree().first.map(ProcessIdentity.init))
            former.signal(SIGKILL)
            try await eventually("another proxy answers, elsewhere") {
                let seen = await backend.observe(key)
                let place = FallbackFolder.existing(for: stage.state).first { access($0.socket, F_OK) == 0 }
                return !former.isAlive && seen.weights == [a: 50, b: 50] && seen.endpoint != nil ? place : nil
            }
            try await backend.apply(stage.plan((a, 1, 100), (b, 1, 0)))
            try await eventually("the traffic is back at a") {
                await backend.observe(key).weights == [a: 100, b: 0] ? true : nil
            }
            try disk.makeWritable()
            try await eventually("the problems are over") { await backend.observe(key).problems == [] ? true : nil }
        }
        try await stage.down()
    }

    @Test("the spare folder for a proxy's files is private, and every process finds it")
    func sparePlace() throws {
        let root = "\(stage.state.path)/spare-root"
        try StateFile.makeFolder(root)
        #expect(FallbackFolder.existing(for: stage.state, under: [root]).isEmpty)
        let made = try #require(FallbackFolder.made(for: stage.state, under: ["\(root)/none", root]))
        #expect(FallbackFolder.existing(for: stage.state, under: [root]) == [made])
        let other = try TestState()
        #expect(FallbackFolder.made(for: other.state, under: [root])?.socket != made.socket)
        #expect(made.socket.utf8.count < StateFolder.longestSocketPath)
        // A folder that others can read is not used.
        chmod(made.folder, 0o755)
        #expect(FallbackFolder.existing(for: stage.state, under: [root]).isEmpty)
        #expect(FallbackFolder.made(for: stage.state, under: [root]) == nil)
    }

    @Test("a record older than the proxy's routes brings no candidate back")
    func olderRecord() async throws {
        let path = DeploymentRecord.path(key, in: stage.state)
        var old: [UInt8] = []
        try await stage.running { backend in
            try await half(backend)
            old = try await eventually("it is on the disk") { readSmallFile(path) }
            try await backend.apply(stage.plan((a, 1, 100), (b, 1, 0)))
            try await eventually("the traffic is back at a") {
                await backend.observe(key).weights == [a: 100, b: 0] ? true : nil
            }
        }
        let before = try #require(try stage.history().last?.generation)
        try StateFile.write(bytes: old, to: path)
        try await stage.running { backend in
            #expect(await backend.observe(key).plan == stage.plan((a, 1, 50), (b, 1, 50)))
            try await Task.sleep(for: ProxyLink.lookInterval)
            #expect(await backend.observe(key).weights == [a: 100, b: 0])
            // Once a plan is applied, it takes effect.
            try await backend.apply(stage.plan((a, 1, 70), (b, 1, 30)))
            try await eventually("both have their share") {
                await backend.observe(key).weights == [a: 70, b: 30] ? true : nil
            }
        }
        for routes in try stage.history() where routes.generation > before {
            let weights = routes.routes.first?.revisions.map(\.weight)
            #expect(weights == [100, 0] || weights == [70, 30])
        }
        try await stage.down()
    }

    @Test("shares of an old record are replaced by the proxy's shares, if both have the same revisions")
    func shares() {
        func route(_ weights: (Revision, Int)...) -> ProxyRoute {
            ProxyRoute(
                deployment: key, port: 1,
                revisions: weights.map { RevisionRoute(revision: $0, weight: $1, upstreams: []) })
        }
        let half = route((a, 50), (b, 50))
        #expect(half.withShares(of: route((a, 100), (b, 0))) == route((a, 100), (b, 0)))
        #expect(half.withShares(of: route((a, 100))) == route((a, 100), (b, 0)))
        // The proxy's routes are older, or have no shares.
        #expect(half.withShares(of: route((stage.c, 100))) == half)
        #expect(half.withShares(of: route((a, 0), (b, 0))) == half)
    }

    @Test("a model store that hangs blocks nothing, and its fetch ends when its instance is removed")
    func hangingStore() async throws {
        let files = ScriptedFiles()
        try await stage.running(files) { backend in
            try await half(backend)
            files.answer(.never)
            let stuck = stage.plan((a, 1, 50), (b, 1, 50), (stage.c, 70, 0), storageURI: "file:/x")
            var mixed = stage.plan((a, 1, 50), (b, 1, 50))
            mixed.revisions.append(stuck.revisions[2])
            try await backend.apply(mixed)
            try await eventually("files are fetched, as many at a time as may be") {
                files.asked == LocalBackend.maximumConcurrentFetches ? true : nil
            }
            #expect(await backend.observe(key).instances.count { $0.condition == .fetching } == 70)
            try await backend.apply(stage.plan((a, 1, 100), (b, 1, 0)))
            try await eventually("the traffic is back at a") {
                await backend.observe(key).weights == [a: 100, b: 0] ? true : nil
            }
            try await eventually("nobody waits for the store") {
                files.cancelled == LocalBackend.maximumConcurrentFetches ? true : nil
            }
            // There is room for the next fetch.
            files.answer(.folder(nil))
            var next = stage.plan((a, 1, 100))
            next.revisions.append(stage.plan((stage.c, 1, 0), storageURI: "file:/x").revisions[0])
            try await backend.apply(next)
            _ = try await stage.ready(backend, stage.c, 1)
        }
        try await stage.down()
    }

    @Test("a failed download blocks the instance, is retried, and continues when the file server is back")
    func fileServerBack() async throws {
        let files = ScriptedFiles(error: LocalServingError(.stateUnreadable, "the server is away", retry: .waiting))
        try await stage.running(files) { backend in
            try await backend.apply(stage.plan((a, 1, 100), storageURI: "https://x/y"))
            let blocked = try await eventually("it is blocked") {
                await backend.observe(key).instances.first.flatMap { $0.condition == .blocked ? $0 : nil }
            }
            #expect(blocked.reason == "the server is away")
            files.answer(.folder(nil))
            #expect(try await stage.ready(backend, a, 1).instances.map(\.id) == [blocked.id])
        }
        try await stage.down()
    }

    @Test("keepers that end at once: one true reason for all of them, and no zombie is left")
    func keepersThatEnd() async throws {
        let launcher = FailingLauncher(state: stage.state)
        let backend = try stage.backend(launcher: launcher)
        let run = Task { await backend.run() }
        var keys: [DeploymentKey] = []
        for number in 0..<30 {
            var plan = stage.plan((a, 1, 100))
            plan.deployment = DeploymentKey(name: "m\(number)")
            keys.append(plan.deployment)
            try await backend.apply(plan)
        }
        let reasons: Set<String> = try await eventually("all are blocked") {
            var reasons: Set<String> = []
            for key in keys {
                guard let instance = await backend.observe(key).instances.first, instance.condition == .blocked,
                    let reason = instance.reason, reason.contains("ended")
                else { return nil }
                reasons.insert(reason)
            }
            return reasons
        }
        #expect(
            reasons == [
                "its keeper ended before it took its lock (exit status 7): its last log line: too many open files"
            ])
        try await eventually("each was tried again") { launcher.pids.count >= 60 ? true : nil }
        // A keeper that is ending now may be seen before it is reaped.
        try await eventually("no zombie is left") {
            let pids = Set(launcher.pids)
            return ProcessTable.now().entries.contains { $0.isZombie && pids.contains($0.pid) } ? nil : true
        }
        launcher.letKeepersBegin()
        for key in keys.prefix(3) {
            try await eventually("it serves") { await backend.observe(key).ready(a) == 1 ? true : nil }
        }
        run.cancel()
        await run.value
        try await stage.down()
    }

    @Test("a launch that the machine refuses is reported with its reason and retried")
    func launchRefused() async throws {
        let launcher = FailingLauncher(state: stage.state, refusal: "no memory for a process")
        try await stage.running(launcher: launcher) { backend in
            try await backend.apply(stage.plan((a, 1, 100)))
            let blocked = try await eventually("it is blocked") {
                await backend.observe(key).instances.first.flatMap { $0.condition == .blocked ? $0 : nil }
            }
            #expect(blocked.reason == "the keeper of this instance cannot be started: no memory for a process")
            launcher.letKeepersBegin()
            #expect(try await stage.ready(backend, a, 1).instances.map(\.id) == [blocked.id])
        }
        try await stage.down()
    }
}

/// Keepers are processes that end at once, or are refused, until they may begin.
final class FailingLauncher: ProcessLauncher {
    private struct State {
        var pids: [Int32] = []
        var begins = false
    }

    private let state = Mutex(State())
    private let standIn: FakeLauncher
    private let folder: StateFolder
    private let refusal: String?

    init(state: StateFolder, refusal: String? = nil) {
        folder = state
        standIn = FakeLauncher(state: state)
        self.refusal = refusal
    }

    var pids: [Int32] { state.withLock(\.pids) }
    func letKeepersBegin() { state.withLock { $0.begins = true } }

    func launch(_ role: DataPlaneRole) throws -> any LaunchedProcess {
        guard case .keeper(let id) = role, !state.withLock(\.begins) else { return try standIn.launch(role) }
        if let refusal { throw LocalServingError(.startFailed, refusal, retry: .transient) }
        try StateFile.makeFolder(folder.instance(id).logs)
        let pid = try DetachedProcess.spawn(
            program: "/bin/sh", arguments: ["sh", "-c", "echo too many open files >&2; exit 7"], environment: [],
            workingFolder: "/", output: .appending(folder.instance(id).keeperLog))
        state.withLock { $0.pids.append(pid) }
        return ChildProcess(pid: pid)
    }
}

/// A separate disk that can be full: a tmpfs.
final class SmallDisk {
    let path: String

    /// Whether this process may mount, without a mount that the whole machine sees.
    static var isPossible: Bool {
        getuid() == 0 && linkTarget(of: "/proc/self/ns/mnt") != linkTarget(of: "/proc/1/ns/mnt")
    }

    init(bytes: Int) throws {
        path = "\(NSTemporaryDirectory())mlctl-disk-\(UInt32.random(in: .min ... .max))"
        try StateFile.makeFolder(path)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(bytes)") == 0 else { throw SystemError.last }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }

    func fill() throws {
        let raw = open("\(path)/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(raw) }
        let piece = [UInt8](repeating: 0, count: 4096)
        while write(raw, piece, piece.count) > 0 {}
    }

    func empty() throws { unlink("\(path)/ballast") }

    /// Affects files that are opened from now on. Files that are already open can still be written.
    func makeReadOnly() throws {
        guard mount(path, path, "", UInt(MS_BIND), "") == 0,
            mount("", path, "", UInt(MS_REMOUNT | MS_BIND | MS_RDONLY), "") == 0
        else { throw SystemError.last }
    }

    func makeWritable() throws { guard umount2(path, Int32(MNT_DETACH)) == 0 else { throw SystemError.last } }
}
