import Foundation
import Glibc
import ModelManifests
import Serving
import Testing

@testable import LocalServing

@Suite("Endpoints on one machine", .timeLimit(.minutes(10)))
struct EndpointTests {
    let stage: BackendStage

    init() throws { stage = try BackendStage() }

    private var a: Revision { stage.a }
    private var key: DeploymentKey { stage.key }
    private let other = DeploymentKey(name: "other")

    @Test("ports of instances and of the controller cannot be endpoints, and a refused deployment stops no other")
    func refused() async throws {
        try await stage.running(reservedPorts: [31_990: "the controller's own (--listen)"]) { backend in
            try await backend.apply(stage.plan((a, 1, 100)))
            let serving = try await stage.open(backend, key)
            let taken = try #require(try stage.state.instance(serving.instances[0].id).readStatus()?.port)
            for (port, whose) in [(taken, "a model server of default/m"), (31_990, "--listen")] {
                try await backend.apply(stage.plan((a, 0, 100), port: port, of: other))
                let seen = await backend.observe(other)
                #expect(seen.endpoint == nil)
                #expect(seen.endpointProblem?.contains(whose) == true, "\(seen.endpointProblem ?? "none")")
                #expect(seen.endpointProblem?.contains("Set another `endpoint.port`") == true)
            }
            let after = await backend.observe(key)
            #expect(after.endpoint == serving.endpoint)
            #expect(after.problems == [])
            #expect(after.endpointProblem == nil)
            #expect(try stage.history().allSatisfy { !$0.routes.contains { $0.deployment == other } })
            // The plan need not be applied again: once the port is free, the endpoint gets it.
            try await backend.apply(stage.plan((a, 0, 100), port: taken, of: other))
            try await backend.apply(ServingPlan(deployment: key))
            #expect(try await stage.open(backend, other).endpoint == "http://127.0.0.1:\(taken)")
        }
        try await stage.down()
    }

    @Test("an endpoint that should move to a refused port stays at its old one, and is not reported as open")
    func stays() async throws {
        try await stage.running(reservedPorts: [31_990: "the controller's own"]) { backend in
            try await backend.apply(stage.plan((a, 1, 100), port: 31_980))
            _ = try await stage.open(backend, key)
            try await backend.apply(stage.plan((a, 1, 100), port: 31_990))
            let seen = await backend.observe(key)
            #expect(seen.endpoint == nil)
            #expect(seen.endpointProblem?.contains("stays at port 31980") == true)
            #expect(try stage.routes()?.routes.map(\.port) == [31_980])
        }
        try await stage.down()
    }

    @Test("two deployments can swap their ports, and no two routes ever have one port")
    func swap() async throws {
        try await stage.running { backend in
            try await backend.apply(stage.plan((a, 1, 100), port: 31_981))
            try await backend.apply(stage.plan((a, 1, 100), port: 31_982, of: other))
            for deployment in [key, other] { _ = try await stage.open(backend, deployment) }
            try await backend.apply(stage.plan((a, 1, 100), port: 31_982))
            #expect(await backend.observe(key).endpoint == nil)
            try await backend.apply(stage.plan((a, 1, 100), port: 31_981, of: other))
            #expect(try await stage.open(backend, key).endpoint == "http://127.0.0.1:31982")
            #expect(try await stage.open(backend, other).endpoint == "http://127.0.0.1:31981")
            for routes in try stage.history() {
                #expect(
                    Set(routes.routes.map(\.port)).count == routes.routes.count,
                    "generation \(routes.generation): \(routes.routes.map { "\($0.deployment) \($0.port)" })")
            }
        }
        try await stage.down()
    }

    @Test("a deployment is refused a port whose owner waits for another port that is taken")
    func sitter() async throws {
        let third = DeploymentKey(name: "third")
        try await stage.running { backend in
            try await backend.apply(stage.plan((a, 0, 100), port: 31_983))
            try await backend.apply(stage.plan((a, 0, 100), port: 31_984, of: other))
            // It cannot have the other deployment's port, so it stays.
            try await backend.apply(stage.plan((a, 0, 100), port: 31_984))
            try await backend.apply(stage.plan((a, 0, 100), port: 31_983, of: third))
            #expect(await backend.observe(third).endpointProblem?.contains("default/m still uses port 31983") == true)
        }
        try await stage.down()
    }

    @Test("an endpoint is not reported as open while the proxy does not listen or does not run")
    func closed() async throws {
        try await stage.running { backend in
            try await backend.apply(stage.plan((a, 1, 100)))
            _ = try await stage.open(backend, key)
            _ = try stage.test.writeFile("proxy/deaf", "")
            let deaf = try await eventually("it does not listen") {
                let seen = await backend.observe(key)
                return seen.endpoint == nil ? seen : nil
            }
            let port = try #require(try stage.routes()?.routes.first?.port)
            #expect(
                deaf.endpointProblem == "the endpoint's port \(port) cannot be opened: in use. Stop what uses port "
                    + "\(port), or set another `endpoint.port`.")
            #expect(deaf.isEndpointPortTaken)
            #expect(deaf.problems == [])
            unlink("\(stage.state.proxy)/deaf")
            _ = try await stage.open(backend, key)
            #expect(await !backend.observe(key).isEndpointPortTaken)
            // The proxy holds its lock and does not answer.
            let proxy = try #require(
                ProcessMark(try stage.state.mark(of: .proxy)).tree().first.map(ProcessIdentity.init))
            proxy.signal(SIGSTOP)
            let away = try await eventually("it is away") {
                let seen = await backend.observe(key)
                return seen.endpoint == nil ? seen : nil
            }
            #expect(away.endpointProblem?.contains("proxy") == true)
            #expect(away.weights == nil)
            proxy.signal(SIGCONT)
            _ = try await stage.open(backend, key)
        }
        try await stage.down()
    }

    @Test(
        "a renamed deployment answers at its port all the time: the old one until the new one is ready",
        arguments: [
            true, false,
        ])
    func renamed(oldGoesFirst: Bool) async throws {
        // Both cases run in parallel, so they need different ports.
        let port = oldGoesFirst ? 31_985 : 31_965
        let flag = "\(stage.state.path)/loaded"
        let slow = "import os, time\nwhile not os.path.exists('\(flag)'): time.sleep(0.01)\n" + Script.http
        try await stage.running { backend in
            try await backend.apply(stage.plan((a, 1, 100), port: port))
            _ = try await stage.open(backend, key)
            // An endpoint may be open before an instance is ready.
            let first = try await eventually("it serves") {
                let serving = try stage.history().first { routes in
                    routes.routes.contains { $0.port == port && $0.revisions.contains { !$0.upstreams.isEmpty } }
                }
                return await backend.observe(key).ready(a) == 1 ? serving?.generation : nil
            }
            let new = stage.plan((stage.b, 1, 100), script: slow, port: port, of: other)
            if oldGoesFirst {
                try await backend.apply(ServingPlan(deployment: key, isRemoved: true))
                try await backend.apply(new)
            } else {
                try await backend.apply(new)
                try await backend.apply(ServingPlan(deployment: key, isRemoved: true))
            }
            try await eventually("the new one loads, and says who answers") {
                let seen = await backend.observe(other)
                return seen.instances.first?.condition == .starting
                    && seen.endpointProblem?.contains("default/m still answers at port") == true ? true : nil
            }
            #expect(await backend.observe(key).ready(a) == 1)
            _ = try stage.test.writeFile("loaded", "")
            _ = try await stage.open(backend, other)
            try await eventually("the old one is gone") { await backend.deployments() == [other] ? true : nil }
            let since = try stage.history().drop { $0.generation < first }
            #expect(!since.isEmpty)
            for routes in since {
                let there = routes.routes.filter { $0.port == port }
                #expect(there.count == 1)
                #expect(there.first?.revisions.contains { $0.weight > 0 && !$0.upstreams.isEmpty } == true)
            }
        }
        try await stage.down()
    }

    @Test("if a renamed deployment's new version fails, the old one keeps answering until a commit ends that")
    func renamedInVain() async throws {
        let failed = ServingPlan(deployment: other, endpoint: Endpoint(port: 31_988))
        let removed = ServingPlan(deployment: key, endpoint: Endpoint(port: 31_988), isRemoved: true)
        func oldAnswers() throws -> Bool {
            let routes = try stage.routes()?.routes ?? []
            return routes.map(\.deployment) == [key] && routes[0].revisions.contains { !$0.upstreams.isEmpty }
        }
        try await stage.running { backend in
            try await backend.apply(stage.plan((a, 1, 100), port: 31_988))
            _ = try await stage.open(backend, key)
            try await backend.apply(removed)
            try await backend.apply(stage.plan((stage.b, 1, 100), script: "exit(3)", port: 31_988, of: other))
            try await eventually("the new one is there") {
                await backend.observe(other).instances.isEmpty ? nil : true
            }
            try await backend.apply(failed)
            try await eventually("nothing is left of the new one") {
                await backend.observe(other).instances.isEmpty ? true : nil
            }
            try await Task.sleep(for: LocalBackend.successorPatience + .seconds(1))
            #expect(try oldAnswers())
            #expect(await backend.observe(key).problems.contains { $0.contains("until an instance of default/other") })
        }
        // A new controller still knows it.
        try await stage.running { backend in
            try await backend.apply(failed)
            try await Task.sleep(for: LocalBackend.successorPatience + .seconds(1))
            #expect(try oldAnswers())
            try await backend.apply(ServingPlan(deployment: other, endpoint: failed.endpoint, isRemoved: true))
            try await eventually("nothing is left") { await backend.deployments().isEmpty ? true : nil }
        }
        try await stage.down()
    }

    @Test("a controller that starts while a proxy answers reports no endpoint as closed")
    func firstLook() async throws {
        try await stage.running { backend in
            try await backend.apply(stage.plan((a, 1, 100)))
            _ = try await stage.open(backend, key)
        }
        for _ in 0..<3 {
            try await stage.running { backend in
                for _ in 0..<20 {
                    let seen = await backend.observe(key)
                    #expect(seen.endpointProblem == nil)
                    #expect(seen.endpoint != nil)
                }
            }
        }
        try await stage.down()
    }

    @Test("a hung proxy is ended, and a new one is started")
    func hungProxy() async throws {
        try await stage.running { backend in
            try await backend.apply(stage.plan((a, 1, 100)))
            _ = try await stage.open(backend, key)
            let mark = ProcessMark(try stage.state.mark(of: .proxy))
            let hung = try #require(mark.tree().first.map(ProcessIdentity.init))
            hung.signal(SIGSTOP)
            try await eventually("it is said what is done") {
                await backend.observe(key).endpointProblem?.contains("stays stuck for 10s") == true ? true : nil
            }
            try await eventually("it is ended", within: .seconds(40)) { hung.isAlive ? nil : true }
            _ = try await stage.open(backend, key)
        }
        try await stage.down()
    }

    @Test("an empty plan for an unknown deployment causes no changes, however often it is applied")
    func noBusyLoop() async throws {
        let sentinel = DeploymentKey(name: "sentinel")
        try await stage.running { backend in
            for _ in 0..<100 { try await backend.apply(ServingPlan(deployment: key)) }
            backend.changed.yield(sentinel)
            var looks = backend.changes.makeAsyncIterator()
            #expect(await looks.next() == sentinel)
            #expect(await backend.deployments() == [])

            try await backend.apply(stage.plan((a, 1, 100)))
            _ = try await stage.open(backend, key)
            let record = DeploymentRecord.path(key, in: stage.state)
            var before = stat()
            stat(record, &before)
            backend.changed.yield(sentinel)
            while let change = await looks.next(), change != sentinel {}
            for _ in 0..<100 { try await backend.apply(stage.plan((a, 1, 100))) }
            backend.changed.yield(sentinel)
            var others = 0
            while let change = await looks.next(), change != sentinel { others += 1 }
            // The proxy may cause some changes meanwhile, but a loop would cause one each time.
            #expect(others < 10)
            var after = stat()
            stat(record, &after)
            #expect(after.st_ino == before.st_ino)
        }
        try await stage.down()
    }

    @Test("a drain limit outlives its plan, and does not depend on the server's grace period")
    func drainLimit() throws {
        let now = ContinuousClock.now
        let folder = try stage.test.journal(Script.runtime(Script.http, grace: .seconds(1)))
        var instance = TrackedInstance(spec: try #require(try folder.readSpec()), folder: folder)
        func isOver(after limit: Duration?, _ elapsed: Duration) -> Bool? {
            instance.seen(in: ProxyView(), drainLimit: limit, now: now + elapsed).leaving?.isDrainOver
        }
        #expect(isOver(after: nil, .seconds(1)) == nil)
        let leaving = InstanceLeaving(since: Date(timeIntervalSince1970: 0), keepsLogs: false, drainLimit: .seconds(90))
        instance.noteLeaving(leaving, now: now)
        #expect(isOver(after: .seconds(5), .seconds(89)) == false)
        // The proxy's own limit has passed. The server still runs, so that the requests which the proxy cuts do not fail.
        #expect(isOver(after: .seconds(5), .seconds(91)) == false)
        #expect(isOver(after: .seconds(5), .seconds(92)) == true)
        // A file of an older controller names no limit.
        let old = #"{"keepsLogs":false,"since":"2026-01-01T00:00:00Z"}"#
        _ = try stage.test.writeFile("instances/m-r-1/leaving.json", old)
        #expect(try folder.readLeaving()?.drainLimit == nil)
        let endpoint = Endpoint(requestTimeout: .seconds(40), drain: Drain(streamTimeout: .seconds(20)))
        #expect(TrackedInstance.longestDrain(endpoint) == .seconds(40))
    }
}
