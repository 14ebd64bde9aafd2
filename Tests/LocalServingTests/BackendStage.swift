import Foundation
import ModelManifests
import Serving
import Testing

@testable import LocalServing

/// A backend with fake keepers and a fake proxy, and plans for it.
struct BackendStage {
    let test: TestState
    let launcher: FakeLauncher
    let key = DeploymentKey(name: "m")
    let a = Revision(rawValue: "a")
    let b = Revision(rawValue: "b")
    let c = Revision(rawValue: "c")

    /// - Parameter folder: the parent of the state folder. Nil: among temporary files.
    init(in folder: String? = nil) throws {
        test = try TestState(in: folder)
        launcher = FakeLauncher(state: test.state)
    }

    var state: StateFolder { test.state }

    func backend(
        _ files: ScriptedFiles = ScriptedFiles(), launcher: (any ProcessLauncher)? = nil,
        reservedPorts: [Int: String] = [:]
    ) throws -> LocalBackend {
        try LocalBackend(
            configuration: .init(stateDirectory: test.url, reservedPorts: reservedPorts), files: files,
            launcher: launcher ?? self.launcher)
    }

    /// Runs a backend while `body` runs. Everything that it started keeps running afterwards.
    func running<Value: Sendable>(
        _ files: ScriptedFiles = ScriptedFiles(), launcher: (any ProcessLauncher)? = nil,
        reservedPorts: [Int: String] = [:], _ body: (LocalBackend) async throws -> Value
    ) async throws -> Value {
        let backend = try backend(files, launcher: launcher, reservedPorts: reservedPorts)
        let run = Task { await backend.run() }
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body(backend)) } catch { outcome = .failure(error) }
        run.cancel()
        await run.value
        return try outcome.get()
    }

    func down() async throws { _ = try await LocalBackend.stopEverything(stateDirectory: test.url) }

    func plan(
        _ revisions: (Revision, replicas: Int, weight: Int)..., script: String = Script.http, storageURI: String? = nil,
        port: Int? = nil, of deployment: DeploymentKey? = nil, drain: Drain = Drain()
    ) -> ServingPlan {
        ServingPlan(
            deployment: deployment ?? key, endpoint: Endpoint(port: port, drain: drain),
            revisions: revisions.map {
                RevisionPlan(
                    revision: $0.0,
                    template: template(
                        Script.runtime(script, grace: .seconds(2)), version: $0.0.rawValue, storageURI: storageURI),
                    replicas: $0.replicas, weight: $0.weight)
            })
    }

    func ready(_ backend: LocalBackend, _ revision: Revision, _ count: Int) async throws -> Observation {
        try await eventually("\(count) ready of \(revision)") {
            let seen = await backend.observe(key)
            return seen.ready(revision) == count ? seen : nil
        }
    }

    func open(_ backend: LocalBackend, _ deployment: DeploymentKey) async throws -> Observation {
        try await eventually("the endpoint of \(deployment) is open") {
            let seen = await backend.observe(deployment)
            return seen.endpoint == nil ? nil : seen
        }
    }

    func routes() throws -> ProxyRoutes? { try StateFile.read(ProxyRoutes.self, from: state.proxyRoutes) }

    /// All routes that the proxy ever received, oldest first.
    func history() throws -> [ProxyRoutes] {
        try (readSmallFile("\(state.proxy)/history.jsonl", limit: 64 << 20) ?? []).split(separator: 10).map {
            try JSONDecoder().decode(ProxyRoutes.self, from: Data($0))
        }
    }
}
