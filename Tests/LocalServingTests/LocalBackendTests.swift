import Foundation
import Glibc
import ModelManifests
import Serving
import Testing

@testable import LocalServing

@Suite("The local backend with keepers and a proxy", .timeLimit(.minutes(10)))
struct LocalBackendTests {
    let test: TestState
    let launcher: FakeLauncher
    let key = DeploymentKey(name: "m")
    let a = Revision(rawValue: "a")
    let b = Revision(rawValue: "b")

    init() throws {
        test = try TestState()
        launcher = FakeLauncher(state: test.state)
    }

    private func backend(_ files: ScriptedFiles = ScriptedFiles()) throws -> LocalBackend {
        try LocalBackend(configuration: .init(stateDirectory: test.url), files: files, launcher: launcher)
    }

    /// Runs a backend while `body` runs. Everything that it started keeps running afterwards.
    private func running<Value: Sendable>(
        _ files: ScriptedFiles = ScriptedFiles(), _ body: (LocalBackend) async throws -> Value
    ) async throws -> Value {
        let backend = try backend(files)
        let run = Task { await backend.run() }
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body(backend)) } catch { outcome = .failure(error) }
        run.cancel()
        await run.value
        return try outcome.get()
    }

    private func down() async throws {
        _ = try await LocalBackend.stopEverything(stateDirectory: test.url)
    }

    private func plan(
        _ revisions: (Revision, replicas: Int, weight: Int)..., script: String = Script.http, storageURI: String? = nil,
        keepsLogs: Bool = false, port: Int? = nil
    ) -> ServingPlan {
        ServingPlan(
            deployment: key, endpoint: Endpoint(port: port),
            revisions: revisions.map {
                RevisionPlan(
                    revision: $0.0,
                    template: template(
                        Script.runtime(script, grace: .seconds(2)), version: $0.0.rawValue, storageURI: storageURI),
                    replicas: $0.replicas, weight: $0.weight, keepsLogs: keepsLogs)
            })
    }

    private func routes() throws -> ProxyRoutes? {
        try StateFile.read(ProxyRoutes.self, from: "\(test.state.proxy)/routes.json")
    }

    private func upstreams(_ revision: Revision) throws -> [String] {
        try routes()?.routes.first?.revisions.first { $0.revision == revision }?.upstreams.map(\.instance) ?? []
    }

    private func ready(_ backend: LocalBackend, _ revision: Revision, _ count: Int) async throws -> Observation {
        try await eventually("\(count) ready of \(revision)") {
            let seen = await backend.observe(key)
            return seen.ready(revision) == count ? seen : nil
        }
    }

    @Test(
        "where mounts are not permitted, each instance has its own copy, which is removed with it",
        arguments: [false, true])
    func ownCopies(canMount: Bool) async throws {
        let model = "\(test.state.models)/sha256/ab/files"
        _ = try test.writeFile("models/sha256/ab/files/model.bin", "weights")
        var configuration = LocalBackend.Configuration(stateDirectory: test.url)
        configuration.canMount = canMount
        let files = ScriptedFiles(folder: model)
        let backend = try LocalBackend(configuration: configuration, files: files, launcher: launcher)
        let run = Task { await backend.run() }
        try await backend.apply(plan((a, 2, 100), storageURI: "file:/m"))
        if canMount, !Confinement.isPossible(in: test.state) {
            run.cancel()
            await run.value
            return
        }
        let seen = try await ready(backend, a, 2)
        let folders = Set(
            seen.instances.compactMap(\.modelFolder).map { URL(fileURLWithPath: $0).standardizedFileURL.path })
        #expect(folders.count == (canMount ? 1 : 2))
        for folder in folders {
            #expect((folder == model) == canMount)
            #expect(try String(contentsOfFile: "\(folder)/model.bin", encoding: .utf8) == "weights")
        }
        try await backend.apply(plan())
        try await eventually("they are gone") { await backend.observe(key).instances.isEmpty ? true : nil }
        for folder in folders { #expect((access(folder, F_OK) == 0) == canMount) }
        #expect(access("\(model)/model.bin", F_OK) == 0)
        run.cancel()
        await run.value
        try await down()
    }

    @Test("a plan is carried out: instances serve, the proxy has its routes, and the endpoint opens")
    func serves() async throws {
        try await running { backend in
            try await backend.apply(plan((a, 2, 100)))
            _ = try await ready(backend, a, 2)
            let open = try await eventually("the endpoint is open") {
                let seen = await backend.observe(key)
                return seen.endpoint == nil ? nil : seen
            }
            #expect(open.weights == [a: 100])
            #expect(open.problems == [])
            #expect(open.endpoint == "http://127.0.0.1:\(try routes()?.routes.first?.port ?? 0)")
            try await eventually("both are routed") { try upstreams(a).count == 2 ? true : nil }
            #expect(await backend.deployments() == [key])
        }
        try await down()
    }

    @Test("`changes` names the deployment when its instance becomes ready")
    func changes() async throws {
        try await running { backend in
            try await backend.apply(plan((a, 1, 0)))
            for await changed in backend.changes {
                #expect(changed == key)
                if await backend.observe(key).ready(a) == 1 { break }
            }
        }
        try await down()
    }

    @Test("a revision that leaves the plan is unrouted, drained and stopped, and its logs are kept")
    func leaves() async throws {
        try await running { backend in
            try await backend.apply(plan((a, 1, 100), keepsLogs: true))
            let id = try #require(try await ready(backend, a, 1).instances.first?.id)
            let server = try #require(try test.state.instance(id).readStatus()?.server)
            try await eventually("it is routed") { try upstreams(a) == [id] ? true : nil }
            _ = try test.writeFile("proxy/busy", id)
            try await backend.apply(plan((b, 1, 100)))
            let draining = try await eventually("it is unrouted") {
                try upstreams(a) == [] ? await backend.observe(key) : nil
            }
            // The instance is not stopped while a request is in progress.
            #expect(draining.instances.first { $0.id == id }?.condition == .draining)
            #expect(!test.state.instance(id).isAskedToStop)
            #expect(server.isAlive)
            try await eventually("the proxy was asked") { access("\(test.state.proxy)/told", F_OK) == 0 ? true : nil }
            unlink("\(test.state.proxy)/busy")
            try await eventually("it is gone") {
                await backend.observe(key).instances.contains { $0.id == id } ? nil : true
            }
            #expect(!server.isAlive)
            let kept = "\(test.state.logs)/default/m/a/\(id)"
            #expect(access("\(kept)/server.log", F_OK) == 0)
            #expect(
                String(decoding: readSmallFile("\(kept)/failed-requests.txt") ?? [], as: UTF8.self) == "bad-\(id)\n")
            #expect(access(test.state.instance(id).path, F_OK) != 0)
        }
        try await down()
    }

    @Test("a new controller finds everything as it was: nothing is started again")
    func outlivesTheController() async throws {
        let (id, server) = try await running { backend in
            try await backend.apply(plan((a, 1, 100)))
            let id = try #require(try await ready(backend, a, 1).instances.first?.id)
            try await eventually("it is routed") { try upstreams(a) == [id] ? true : nil }
            return (id, try test.state.instance(id).readStatus()?.server)
        }
        let generation = try routes()?.generation
        try await running { backend in
            let seen = await backend.observe(key)
            #expect(seen.instances.map(\.id) == [id])
            #expect(seen.ready(a) == 1)
            try await backend.apply(plan((a, 1, 100)))
            try await eventually("the weights are known") {
                await backend.observe(key).weights == [a: 100] ? true : nil
            }
            #expect(try upstreams(a) == [id])
        }
        #expect(try test.state.instance(id).readStatus()?.server == server)
        #expect(server?.isAlive == true)
        #expect(launcher.count(.keeper(instance: id)) == 1)
        #expect(launcher.count(.proxy) == 1)
        #expect((try routes()?.generation ?? 0) > (generation ?? 0))
        try await down()
    }

    @Test("a server whose keeper was killed keeps its traffic, and gets a new keeper")
    func orphan() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let orphan = try await test.orphan(folder)
        let revision = Revision(rawValue: "r")
        try await running { backend in
            #expect(await backend.observe(key).ready(revision) == 1)
            try await backend.apply(plan((revision, 1, 100)))
            try await eventually("it has a keeper") { FileLock.isHeld(folder.lock) ? true : nil }
            try await eventually("it is routed") { try upstreams(revision) == [folder.id] ? true : nil }
            #expect(await backend.observe(key).instances.map(\.id) == [folder.id])
            #expect(try folder.readStatus()?.server == orphan.server)
        }
        try await down()
        #expect(orphan.server?.isAlive == false)
    }

    @Test("a proxy that was killed is restarted and follows the same routes")
    func proxyKilled() async throws {
        try await running { backend in
            try await backend.apply(plan((a, 1, 100)))
            _ = try await ready(backend, a, 1)
            try await eventually("the weights are known") {
                await backend.observe(key).weights == [a: 100] ? true : nil
            }
            let before = try #require(
                ProcessMark(try test.state.mark(of: .proxy)).tree().first.map(ProcessIdentity.init))
            before.signal(SIGKILL)
            try await eventually("another one runs") { launcher.count(.proxy) == 2 ? true : nil }
            try await eventually("the weights are known again") {
                await backend.observe(key).weights == [a: 100] ? true : nil
            }
        }
        try await down()
    }

    @Test("files of another digest keep the instance from starting, and it is said that trying again does not help")
    func filesRefused() async throws {
        let error = LocalServingError(.stateUnreadable, "digest mismatch: check `digest`", retry: .terminal)
        try await running(ScriptedFiles(error: error)) { backend in
            try await backend.apply(plan((a, 1, 100), storageURI: "file:/x"))
            let blocked = try await eventually("it says why") {
                await backend.observe(key).instances.first.flatMap { $0.fetchFailure == nil ? nil : $0 }
            }
            #expect(blocked.condition == .blocked && blocked.reason == "digest mismatch: check `digest`")
            let failure = try #require(blocked.fetchFailure)
            #expect(failure.needsChange && failure.attempts == 1)
            #expect(failure.nextAt.timeIntervalSinceNow > 30)
        }
        try await down()
    }

    @Test("a fetch that fails temporarily is retried")
    func filesLater() async throws {
        let error = LocalServingError(.stateUnreadable, "the network is down", retry: .transient)
        try await running(ScriptedFiles(error: error)) { backend in
            try await backend.apply(plan((a, 1, 100), storageURI: "file:/x"))
            let waiting = try await eventually("it says why it waits") {
                await backend.observe(key).instances.first.flatMap { $0.reason == nil ? nil : $0 }
            }
            #expect(waiting.condition == .blocked)
            #expect(waiting.reason == "the network is down")
            #expect(waiting.fetchFailure?.needsChange == false)
        }
        // The next controller can fetch them, and continues with the journaled instance.
        let model = "\(test.state.path)/model"
        try StateFile.makeFolder(model)
        try await running(ScriptedFiles(folder: model)) { backend in
            let seen = try await ready(backend, a, 1)
            #expect(try test.state.instance(seen.instances[0].id).readSpec()?.modelFolder?.hasPrefix(model) == true)
        }
        try await down()
    }

    @Test("a command that does not exist blocks its instance with advice, until it exists")
    func missingCommand() async throws {
        let program = "\(test.state.path)/late-server"
        var early = plan((a, 1, 100))
        early.revisions[0].template.runtime.command = [program]
        try await running { [early] backend in
            try await backend.apply(early)
            let blocked = try await eventually("its keeper says that it is blocked") {
                // On an overloaded machine, that may be the first reason.
                await backend.observe(key).instances.first.flatMap { instance in
                    instance.condition == .blocked && instance.reason?.contains(program) == true ? instance : nil
                }
            }
            #expect(blocked.reason == "the command \(program) does not exist. Install it, or correct `command`.")
            try test.writeProgram("late-server", Script.http)
            let ready = try await ready(backend, a, 1)
            #expect(ready.instances.map(\.id) == [blocked.id])
            #expect(ready.instances[0].restarts == 0)
            #expect(ready.instances[0].reason == nil)
            #expect(launcher.count(.keeper(instance: blocked.id)) == 1)
        }
        try await down()
    }

    @Test("two deployments cannot have one endpoint port; the first keeps it")
    func endpointTaken() async throws {
        let other = DeploymentKey(name: "other")
        try await running { backend in
            var second = plan((a, 1, 100), port: 31_999)
            second.deployment = other
            try await backend.apply(plan((a, 1, 100), port: 31_999))
            try await backend.apply(second)
            let seen = await backend.observe(other)
            #expect(seen.endpointProblem?.contains("endpoint of default/m") == true)
            #expect(await backend.observe(key).problems.allSatisfy { !$0.contains("endpoint of") })
            try await eventually("only the first is routed") {
                try routes()?.routes.map(\.deployment) == [key] ? true : nil
            }
        }
        try await down()
    }

    @Test("a pruned deployment is forgotten once nothing of it runs")
    func pruned() async throws {
        try await running { backend in
            try await backend.apply(plan((a, 1, 100)))
            _ = try await ready(backend, a, 1)
            try await eventually("it is routed") { try upstreams(a).isEmpty ? nil : true }
            try await backend.apply(ServingPlan(deployment: key))
            try await eventually("it is forgotten") { await backend.deployments().isEmpty ? true : nil }
            try await eventually("its route is gone") { try routes()?.routes.isEmpty == true ? true : nil }
        }
        try await down()
    }

    @Test("down stops every instance and the proxy and reports it; a second down has nothing to do")
    func stopEverything() async throws {
        try await running { backend in
            try await backend.apply(plan((a, 2, 100)))
            _ = try await ready(backend, a, 2)
            try await eventually("they are routed") { try upstreams(a).count == 2 ? true : nil }
        }
        let servers = try StateFile.names(in: test.state.instances).compactMap {
            try test.state.instance($0).readStatus()?.server
        }
        #expect(servers.count == 2)
        let done = try await LocalBackend.stopEverything(stateDirectory: test.url)
        #expect(done.instances == 2)
        #expect(done.stoppedProxy)
        #expect(done.problems == [])
        #expect(servers.allSatisfy { !$0.isAlive })
        #expect(StateFile.names(in: test.state.instances) == [])
        let again = try await LocalBackend.stopEverything(stateDirectory: test.url)
        #expect(again == LocalBackend.Teardown(instances: 0, stoppedProxy: false, problems: []))
    }

    @Test("logs are those of running instances, and later those of removed ones")
    func logs() async throws {
        let script = "print('hello from the model', flush=True)\n" + Script.http
        try await running { backend in
            try await backend.apply(plan((a, 1, 100), script: script))
            let seen = try await ready(backend, a, 1)
            let lines = await backend.logs(of: key, revision: a, lines: 10)
            #expect(
                lines.first == LogLine(revision: a, instance: seen.instances[0].id, text: "hello from the model"))
            try await backend.apply(ServingPlan(deployment: key))
            try await eventually("it is gone") { await backend.observe(key).instances.isEmpty ? true : nil }
            #expect(await backend.logs(of: key, revision: a, lines: 10).first?.text == "hello from the model")
            #expect(await backend.logs(of: key, revision: b, lines: 10) == [])
        }
        try await down()
    }

    @Test("kept logs are deleted after their time, and the oldest first if there are too many")
    func sweep() throws {
        let kept = LogArchive(state: test.state)
        let now = Date(timeIntervalSince1970: 1_000_000_000)
        for (number, keepsLogs) in [(1, true), (2, false)] {
            let folder = try test.journal(Runtime(command: ["x"]), id: "m-r-\(number)", number: number)
            _ = try test.writeFile("instances/m-r-\(number)/logs/server.log", String(repeating: "x", count: 1000))
            let spec = try #require(try folder.readSpec())
            try kept.keep(spec, keepsLogs: keepsLogs, failedRequestIds: [], now: now)
        }
        func names() -> [String] { StateFile.names(in: "\(test.state.logs)/default/m/r") }
        kept.sweep(now: now.addingTimeInterval(3600))
        #expect(names() == ["m-r-1", "m-r-2"])
        kept.sweep(now: now.addingTimeInterval(2 * 86_400))
        #expect(names() == ["m-r-1"])
        kept.sweep(now: now.addingTimeInterval(3600), maximumBytes: 500)
        #expect(StateFile.names(in: test.state.logs) == [])
    }

    @Test("names that would lead out of the state folder are refused")
    func names() async throws {
        let backend = try backend()
        await #expect(throws: LocalServingError.self) {
            try await backend.apply(ServingPlan(deployment: DeploymentKey(namespace: "..", name: "m")))
        }
    }
}
