import AsyncHTTPClient
import ControlPorts
import Foundation
import Logging
import ModelManifests
import Rollouts
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import ControlAPI

@Suite("A standby controller", .timeLimit(.minutes(10)))
struct ForwardingTests {
    /// The surface of a standby: empty, or with what it knew an hour ago.
    static func standby() -> ScriptedSurface { ScriptedSurface() }

    static func following(_ leader: URL?, name: String? = "mlctl-1") -> @Sendable () async -> LeadershipStatus {
        { .standsBy(leader: name, api: leader?.absoluteString, reason: "this controller stands by; mlctl-1 leads") }
    }

    @Test("answers with what the leader says, and the leader carries out what is requested")
    func forwards() async throws {
        let leader = ControlServerTests.surface()
        leader.append(.deployed, on: Samples.key, "by the leader")
        let standby = Self.standby()
        try await withServer(leader) { leaderURL async throws in
            try await withServer(standby, standing: Self.following(leaderURL)) { url async throws in
                let client = try client(url)
                #expect(try await client.status() == leader.read { $0.status })
                #expect(try await client.events().map(\.event.message) == ["by the leader"])
                #expect(try await client.act(OperatorCommand(.abort), on: Samples.key).phase == .rollingBack)
                _ = try await client.sync()
                let missing = await #expect(throws: ControlError.self) {
                    try await client.status(of: DeploymentKey(namespace: "a", name: "nobody"))
                }
                #expect(missing?.code == .notFound)
            }
        }
        #expect(leader.read { $0.commands.map(\.verb) } == [.abort])
        #expect(leader.read { $0.looks } == 1)
        #expect(standby.read { $0.commands.isEmpty && $0.looks == 0 })
    }

    @Test("a wrong token is refused before anything is forwarded, and the leader refuses a token that it does not know")
    func tokens() async throws {
        let leader = ControlServerTests.surface()
        let others = TokenRegistry(Tokens.keys(but: ["root-of-all"]))
        try await withServer(leader, register: others) { leaderURL async throws in
            try await withServer(Self.standby(), standing: Self.following(leaderURL)) { url async throws in
                await #expect(throws: ControlClientError.self) {
                    try await client(url, "wrong-token-7c1e9f04b8d25a63").status()
                }
                let refused = await #expect(throws: ControlClientError.self) { try await client(url).status() }
                #expect(refused?.description.contains("does not accept this controller's token") == true)
                #expect(try await client(url, Tokens.viewer).status() == leader.read { $0.status })
            }
        }
    }

    @Test("the leader applies the caller's role, and the caller's name is in the leader's audit trail")
    func roles() async throws {
        let leader = ControlServerTests.surface()
        try await withServer(leader) { leaderURL async throws in
            try await withServer(Self.standby(), standing: Self.following(leaderURL)) { url async throws in
                await #expect(throws: ControlClientError.self) {
                    try await client(url, Tokens.viewer).act(OperatorCommand(.abort), on: Samples.key)
                }
                _ = try await client(url, Tokens.operator).act(
                    OperatorCommand(.abort, claimedActor: "ada"), on: Samples.key)
            }
        }
        #expect(leader.read { $0.commands } == [OperatorCommand(.abort, actor: "ops", claimedActor: "ada")])
    }

    @Test("no token is sent to a program that the lease names as the leader, whatever it asks for")
    func rogueLeader() async throws {
        try await RogueListener.run { rogue async throws in
            let lured = try #require(URL(string: "http://127.0.0.1:\(rogue.port)"))
            for (answer, givesChallenges) in RogueListener.answers.flatMap({ [($0, false), ($0, true)] }) {
                rogue.answer = answer
                rogue.givesChallenges = givesChallenges
                try await withServer(Self.standby(), standing: Self.following(lured)) { url async throws in
                    await #expect(throws: (any Error).self) { try await client(url).status() }
                    let status = try await ControlServerTests.ask(url, "/api/v1/deployments").status
                    #expect(status == 503 || status == 403)
                }
            }
            #expect(rogue.received.contains("mlctl-forwarded-by-standby"))
            #expect(!rogue.received.contains(Tokens.admin))
        }
    }

    @Test("events can be followed through it, as they happen")
    func events() async throws {
        let leader = ControlServerTests.surface()
        try await withServer(leader, heartbeat: .milliseconds(20)) { leaderURL async throws in
            try await withServer(Self.standby(), standing: Self.following(leaderURL)) { url async throws in
                let reading = Task { () -> String? in
                    for try await event in try client(url).eventStream() { return event.event.message }
                    return nil
                }
                try await eventually { leader.readers == 1 }
                leader.append(.promoted, on: Samples.key, "seen")
                #expect(try await reading.value == "seen")
                // The seat is free again when the next event is sent.
                try await eventually { leader.readers == 0 }
            }
        }
    }

    @Test("if the leader cannot be reached, it answers 503 with the reason, and never from its own memory")
    func leaderAway() async throws {
        let gone = try #require(URL(string: "http://127.0.0.1:1"))
        let standings: [(@Sendable () async -> LeadershipStatus, String)] = [
            (Self.following(gone), "cannot be reached at http://127.0.0.1:1"),
            (Self.following(nil), "does not contain its API address"),
            (Self.following(nil, name: nil), "stands by"),
            ({ .standsBy(leader: "mlctl-1", api: "nonsense", reason: "r") }, "is not valid"),
        ]
        for (standing, words) in standings {
            try await withServer(Self.standby(), standing: standing) { url async throws in
                let client = try client(url)
                let refused = await #expect(throws: ControlError.self) { try await client.status() }
                #expect(refused?.code == .unavailable)
                #expect(refused?.message.contains(words) == true, "\(refused?.message ?? "")")
                await #expect(throws: ControlError.self) { try await client.events() }
                await #expect(throws: ControlError.self) {
                    try await client.act(OperatorCommand(.abort), on: Samples.key)
                }
                let stream = await #expect(throws: ControlError.self) {
                    for try await _ in client.eventStream() {}
                }
                #expect(stream?.code == .unavailable)
            }
        }
    }

    @Test("a controller that led and knows of no leader answers from its last known state, and carries nothing out")
    func remembers() async throws {
        let remembering: @Sendable () async -> LeadershipStatus = {
            .standsBy(leader: nil, api: nil, reason: "the lease cannot be read", remembers: true)
        }
        let known = ControlServerTests.surface()
        try await withServer(known, standing: remembering) { url async throws in
            // Also for another standby that takes it for the leader.
            try await withServer(Self.standby(), standing: Self.following(url)) { other async throws in
                for server in [url, other] {
                    let client = try client(server)
                    #expect(try await client.status() == known.read { $0.status })
                    _ = try await client.explanation(of: Samples.key)
                    _ = try await client.events()
                    let refused = await #expect(throws: ControlError.self) {
                        try await client.act(OperatorCommand(.abort), on: Samples.key)
                    }
                    #expect(refused?.code == .unavailable && refused?.message.contains("lease cannot be read") == true)
                    await #expect(throws: ControlError.self) { try await client.sync() }
                    await #expect(throws: ControlError.self) { for try await _ in client.eventStream() {} }
                }
            }
        }
        #expect(known.read { $0.commands.isEmpty && $0.looks == 0 })
    }

    @Test("two standbys that take each other for the leader forward a request once")
    func loop() async throws {
        let second = Mutex<URL?>(nil)
        let other: @Sendable () async -> LeadershipStatus = {
            .standsBy(leader: "b", api: second.withLock { $0?.absoluteString }, reason: "b leads")
        }
        try await withServer(Self.standby(), standing: other) { firstURL async throws in
            try await withServer(Self.standby(), standing: Self.following(firstURL)) { url async throws in
                second.withLock { $0 = url }
                let refused = await #expect(throws: ControlError.self) {
                    try await client(url).status()
                }
                #expect(refused?.message.contains("leader is changing") == true)
            }
        }
    }

    @Test("probes and metrics are its own, and show whether it leads")
    func probes() async throws {
        let gone = try #require(URL(string: "http://127.0.0.1:1"))
        try await withServer(Self.standby(), standing: Self.following(gone)) { url async throws in
            #expect(try await ControlServerTests.ask(url, "/healthz").status == 200)
            let ready = try await ControlServerTests.ask(url, "/readyz")
            #expect(ready.status == 200 && ready.body.hasPrefix("ready, stands by"))
            #expect(try await ControlServerTests.ask(url, "/leadz").status == 503)
            _ = try await client(url).metrics()
        }
        try await withServer(Self.standby()) { url async throws in
            #expect(try await ControlServerTests.ask(url, "/readyz").body == "ready, leads\n")
            #expect(try await ControlServerTests.ask(url, "/leadz").status == 200)
        }
    }

    @Test("ends in time even if the leader keeps a stream open")
    func shutdown() async throws {
        let leader = ControlServerTests.surface()
        try await withServer(leader) { leaderURL async throws in
            let (addresses, continuation) = AsyncStream.makeStream(of: ListenAddress.self)
            let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let server = try ControlServer(
                surface: Self.standby(), listeners: .init(api: ListenAddress(port: 0)),
                register: TokenRegistry(Tokens.keys()), logger: quiet,
                onListening: { continuation.yield($0) }, standing: Self.following(leaderURL))
            let group = ServiceGroup(services: [server], logger: quiet)
            async let running: Void = group.run()
            let address = try #require(await addresses.first { _ in true })
            var request = HTTPClientRequest(url: "http://\(address)/api/v1/events")
            request.headers.add(name: "accept", value: "text/event-stream")
            request.headers.add(name: "authorization", value: "Bearer \(Tokens.admin)")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
            try await eventually { leader.readers == 1 }
            await group.triggerGracefulShutdown()
            do { for try await _ in response.body {} } catch { #expect(error is HTTPClientError) }
            try await running
        }
    }
}
