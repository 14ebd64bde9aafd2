import Foundation
import Glibc
import ModelManifests
import Serving
import Testing

@testable import LocalServing

@Suite("Remaining keepers keep the proxy running", .timeLimit(.minutes(10)))
struct ProxySupervisorTests {
    @Test("a missing proxy is started, and retried with growing delays, but not without routes")
    func watch() {
        var watch = ProxyRestartPolicy()
        #expect(watch.look(isRunning: true, hasRoutes: true, hasController: false, at: .zero) == false)
        #expect(watch.look(isRunning: false, hasRoutes: false, hasController: false, at: .zero) == false)
        var starts: [Duration] = []
        for tick in 0..<500 {
            let now = Duration.milliseconds(tick * 200)
            if watch.look(isRunning: false, hasRoutes: true, hasController: false, at: now) { starts.append(now) }
        }
        let gaps = zip(starts.dropFirst(), starts).map { $0 - $1 }
        #expect(starts.first == .zero)
        #expect(gaps == gaps.sorted())
        #expect(gaps.last == ProxyRestartPolicy.longestLaunchDelay)
        #expect(watch.look(isRunning: true, hasRoutes: true, hasController: false, at: .seconds(100)) == false)
        #expect(watch.look(isRunning: false, hasRoutes: true, hasController: false, at: .seconds(101)) == true)
    }

    @Test("a proxy that was started and runs gets time to come up")
    func starting() {
        var watch = ProxyRestartPolicy()
        func look(_ second: Int, isStarting: Bool) -> Bool {
            watch.look(
                isRunning: false, isStarting: isStarting, hasRoutes: true, hasController: false, at: .seconds(second))
        }
        #expect(look(0, isStarting: false))
        for second in 1..<10 { #expect(look(second, isStarting: true) == false) }
        #expect(look(10, isStarting: true))
        #expect(look(15, isStarting: false))
    }

    @Test("a running controller starts the proxy, and a keeper does if the controller is too late")
    func controller() {
        var watch = ProxyRestartPolicy()
        for second in 0..<5 {
            #expect(watch.look(isRunning: false, hasRoutes: true, hasController: true, at: .seconds(second)) == false)
        }
        #expect(watch.look(isRunning: false, hasRoutes: true, hasController: true, at: .seconds(5)) == true)
    }

    @Test("if controller and proxy are killed, one proxy comes back with the last routes, repeatedly")
    func comesBack() async throws {
        let stage = try BackendStage()
        let routes = ProxyRoutes(
            generation: 7, routes: [ProxyRoute(deployment: stage.key, port: 31_986, revisions: [])])
        try await stage.keeping(["m-r-1", "m-r-2"]) {
            try StateFile.write(routes, to: stage.state.proxyRoutes)
            let client = ProxyClient(stateDirectory: stage.test.url)
            for start in 1...3 {
                let report = try await eventually("a proxy answers") { try? await client.report() }
                #expect(report.generation == 7)
                #expect(report.endpoints.map(\.port) == [31_986])
                #expect(stage.launcher.count(.proxy) == start)
                let proxy = try #require(
                    ProcessMark(try stage.state.mark(of: .proxy)).tree().first.map(ProcessIdentity.init))
                proxy.signal(SIGKILL)
                try await eventually("it is gone") { proxy.isAlive ? nil : true }
            }
        }
        try await stage.down()
    }

    @Test("without a controller, a hung proxy is ended and a new one is started")
    func hangs() async throws {
        let stage = try BackendStage()
        try await stage.keeping(["m-r-1"]) {
            try StateFile.write(ProxyRoutes(generation: 7), to: stage.state.proxyRoutes)
            let client = ProxyClient(stateDirectory: stage.test.url)
            let first = try await eventually("a proxy answers") { try? await client.report() }
            let proxy = try #require(
                ProcessMark(try stage.state.mark(of: .proxy)).tree().first.map(ProcessIdentity.init))
            proxy.signal(SIGSTOP)
            try await eventually("it is ended", within: .seconds(40)) { proxy.isAlive ? nil : true }
            let second = try await eventually("another one answers") { try? await client.report() }
            #expect(second.epoch != first.epoch && second.generation == 7)
        }
        try await stage.down()
    }

    @Test("the new port of a server that moved reaches the proxy, and nothing else changes")
    func otherPort() async throws {
        let stage = try BackendStage()
        try await stage.keeping(["m-r-1"]) {
            let folder = stage.state.instance("m-r-1")
            let first = try await folder.reaches(.ready)
            let old = try #require(first.port)
            let revision = Revision(rawValue: "r")
            let routes = ProxyRoutes(
                generation: 7,
                routes: [
                    ProxyRoute(
                        deployment: stage.key, port: 31_987,
                        revisions: [
                            RevisionRoute(
                                revision: revision, weight: 100,
                                upstreams: [
                                    Upstream(instance: "m-r-1", port: old), Upstream(instance: "else", port: 1),
                                ])
                        ])
                ])
            try StateFile.write(routes, to: stage.state.proxyRoutes)
            let client = ProxyClient(stateDirectory: stage.test.url)
            try await eventually("a proxy answers") { try? await client.report() }
            // A manifest wants the port, so the next server gets another one.
            try StateFile.write([old], to: stage.state.endpointPorts)
            first.server?.signal(SIGKILL)
            try await eventually("the proxy knows the new port") {
                try stage.routes()?.generation == 8 ? true : nil
            }
            let now = try await folder.reaches(.ready)
            #expect(now.port != old)
            var expected = routes
            expected.generation = 8
            expected.routes[0].revisions[0].upstreams[0].port = now.port ?? 0
            #expect(try stage.routes() == expected)
        }
        try await stage.down()
    }

    @Test("routes are corrected only for an instance that they list at another port")
    func correction() {
        let route = ProxyRoute(
            deployment: DeploymentKey(name: "m"), port: 1,
            revisions: [
                RevisionRoute(
                    revision: Revision(rawValue: "r"), weight: 100, upstreams: [Upstream(instance: "i", port: 5)])
            ])
        let routes = ProxyRoutes(generation: 3, routes: [route])
        #expect(routes.with(instance: "i", at: InstancePorts(main: 5)) == nil)
        #expect(routes.with(instance: "j", at: InstancePorts(main: 6)) == nil)
        #expect(routes.with(instance: "i", at: InstancePorts(main: 6))?.generation == 4)
        #expect(routes.with(instance: "i", at: InstancePorts(main: 6))?.routes[0].revisions[0].upstreams[0].port == 6)
    }
}

extension BackendStage {
    /// Runs keepers without a controller.
    fileprivate func keeping(_ ids: [String], _ body: () async throws -> Void) async throws {
        for (number, id) in ids.enumerated() {
            try test.journal(Script.runtime(Script.http), id: id, number: number + 1)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in ids {
                let keeper = Keeper(state: state, instance: id, belonging: .marked, proxyLauncher: launcher)
                group.addTask { _ = try await keeper.run() }
            }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            for id in ids { try state.instance(id).requestStop() }
            try await group.waitForAll()
            try outcome.get()
        }
    }
}
