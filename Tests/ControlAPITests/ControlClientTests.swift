import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving
import Testing

@testable import ControlAPI

/// The client against the real server.
@Suite struct ControlClientTests {
    @Test("what the surface returns arrives unchanged")
    func looks() async throws {
        let revision = Revision(rawValue: "aaaaaaaaaa")
        let entry = HistoryEntry(
            revision: revision, version: "2", commit: "c2", startedAt: Samples.now, endedAt: nil, outcome: "stable",
            reason: "promoted")
        let lines = (1...3).map { LogLine(revision: revision, instance: "i1", text: "line \($0) ü\u{1B}[0m") }
        let surface = ScriptedSurface {
            $0.status = Samples.status
            $0.history = [entry]
            $0.log = lines
            $0.parents = ["c2": "c1", "c1": ""]
        }
        surface.append(.promoted, on: Samples.key, "all gates passed")
        surface.append(.deployed, on: DeploymentKey(name: "other"))
        try await withServer(surface) { url async throws in
            let client = try client(url)
            #expect(try await client.status() == Samples.status)
            #expect(try await client.status(of: Samples.key) == Samples.deployment)
            #expect(try await client.history(of: Samples.key) == [entry])
            #expect(try await client.logs(of: Samples.key, revision: revision, lines: 2) == Array(lines.suffix(2)))
            #expect(try await client.events().map(\.id) == [2, 1])
            #expect(try await client.events(of: Samples.key).map(\.id) == [1])
            #expect(try await client.events(after: 1, limit: 5).map(\.id) == [2])
            #expect(try await client.isAncestor("c1", of: "c2"))
            #expect(try await client.isAncestor("c2", of: "c1") == false)
            #expect(try await client.isReady())
            #expect(try await client.metrics() == "mlctl_deployments 1\n")
            #expect(try await client.sync() == [Samples.source])
        }
    }

    @Test("commands arrive as they were given, and the answer is the deployment's new status")
    func acts() async throws {
        let surface = ScriptedSurface { $0.status = Samples.status }
        let commands: [OperatorCommand] = [
            OperatorCommand(.pause, claimedActor: "ada", reason: "a freeze"), OperatorCommand(.resume),
            OperatorCommand(.promote(full: false)),
            OperatorCommand(.promote(full: true), claimedActor: "ada"), OperatorCommand(.retry),
            OperatorCommand(.suspend),
            OperatorCommand(.rollback(to: nil)), OperatorCommand(.rollback(to: Revision(rawValue: "cccccccccc"))),
            OperatorCommand(.abort),
        ]
        try await withServer(surface) { url async throws in
            let client = try client(url)
            for command in commands { _ = try await client.act(command, on: Samples.key) }
            #expect(try await client.status(of: Samples.key).phase == .rollingBack)
        }
        let expected = commands.map {
            OperatorCommand($0.verb, actor: "root-of-all", claimedActor: $0.claimedActor, reason: $0.reason)
        }
        #expect(surface.read { $0.commands } == expected)
    }

    @Test("a refusal keeps its code and its message")
    func refusals() async throws {
        try await withServer(ScriptedSurface { $0.status = Samples.status }) { url async throws in
            let client = try client(url)
            await #expect(throws: ControlError(.conflict, "phase is Progressing")) {
                try await client.act(OperatorCommand(.resume), on: Samples.key)
            }
            await #expect(throws: ControlError(.notFound, "there is no default/nobody")) {
                try await client.act(OperatorCommand(.pause), on: DeploymentKey(name: "nobody"))
            }
        }
    }

    @Test("a missing or wrong token and a wrong request give different errors")
    func tokens() async throws {
        try await withServer(ScriptedSurface()) { url async throws in
            for token in [nil, "", "wrong-token-7c1e9f04b8d25a63"] {
                let error = await #expect(throws: ControlClientError.self) { try await client(url, token).status() }
                #expect(error?.description.contains("MLCTL_TOKEN") == true)
            }
            #expect(try await client(url).status() == ControllerStatus())
        }
    }

    @Test("if nothing listens, the error says what to do")
    func unreachable() async throws {
        let url = try await withServer(ScriptedSurface()) { $0 }
        let error = await #expect(throws: ControlClientError.self) { try await client(url).status() }
        #expect(
            error?.description
                == "cannot reach the controller at \(url.absoluteString): is 'mlctl run' running? "
                + "Set --server or MLCTL_SERVER (connection refused)")
        await #expect(throws: ControlClientError.self) {
            for try await _ in try client(url).eventStream() {}
        }
    }

    @Test("events continue across a restart of the controller, none twice and none lost")
    func reconnects() async throws {
        let surface = ScriptedSurface()
        surface.append(.deployed, on: Samples.key)
        let ports = AsyncStream.makeStream(of: URL.self)
        let reader = Task {
            var ids: [Int] = []
            guard let url = await ports.stream.first(where: { _ in true }) else { return ids }
            for try await event in try client(url).eventStream(of: Samples.key) {
                ids.append(event.id)
                if event.event.kind == .promoted { break }
            }
            return ids
        }
        let url = try await withServer(surface) { url async throws in
            ports.continuation.yield(url)
            try await eventually { surface.readers == 1 }
            surface.append(.rolloutStarted, on: Samples.key)
            surface.append(.warning, on: DeploymentKey(name: "other"))
            surface.append(.stepStarted, on: Samples.key)
            return url
        }
        surface.append(.gatePassed, on: Samples.key)
        let port = try #require(url.port)
        let ids = try await withServer(surface, port: port) { _ in
            surface.append(.promoted, on: Samples.key)
            return try await reader.value
        }
        #expect(ids == [2, 4, 5, 6])
    }
}
