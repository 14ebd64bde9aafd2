import Foundation
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import ControlAPI

/// Many connections that send nothing, or too little, to the real server.
@Suite("Many idle connections", .serialized) struct CrowdTests {
    /// Connections of a client that sends `text` and then waits.
    private final class Crowd: Sendable {
        private let channels: [any Channel]
        private let closed = Atomic(0)

        var closedCount: Int { closed.load(ordering: .relaxed) }

        init(_ count: Int, at url: URL, saying text: String = "") async throws {
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.socketOption(.so_reuseaddr), value: 1)
            let (host, port) = (url.host() ?? "", url.port ?? 0)
            var channels: [any Channel] = []
            for start in stride(from: 0, to: count, by: 64) {
                // All connections of a batch are started before the first one is awaited.
                let pending = (start..<min(start + 64, count)).map { _ in bootstrap.connect(host: host, port: port) }
                for channel in pending { channels.append(try await channel.get()) }
            }
            self.channels = channels
            for channel in channels {
                channel.closeFuture.whenComplete { [weak self] _ in
                    self?.closed.wrappingAdd(1, ordering: .relaxed)
                }
                if !text.isEmpty { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
            }
        }

        func leave() { for channel in channels { channel.close(promise: nil) } }
    }

    @Test("idle connections keep nobody out, and end by themselves in seconds", arguments: [512, 1500])
    func silent(count: Int) async throws {
        let surface = ControlServerTests.surface()
        let times = ConnectionTimes(head: .seconds(2), body: .seconds(30), idle: .seconds(20), stall: .seconds(30))
        try await withServer(surface, times: times) { url async throws in
            let crowd = try await Crowd(count, at: url)
            #expect(try await client(url).status() == Samples.status)
            #expect(try await ControlServerTests.ask(url, "/healthz", token: nil).status == 200)
            try await eventually { crowd.closedCount == count }
            #expect(try await client(url).status() == Samples.status)
            crowd.leave()
        }
    }

    @Test(
        "unfinished heads and bodies end in seconds",
        arguments: [
            "GET /api/v1/deployments HTTP/1.1\r\nhost: a\r\nx-slow: ",
            "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /metr",
            "POST /api/v1/hooks/git HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\nabc",
            "POST /api/v1/outcomes HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(Tokens.admin)\r\n"
                + "transfer-encoding: chunked\r\n\r\n5\r\nabc",
        ])
    func slow(text: String) async throws {
        let times = ConnectionTimes(
            head: .milliseconds(500), body: .milliseconds(500), idle: .milliseconds(500), stall: .seconds(30))
        try await withServer(ControlServerTests.surface(), times: times) { url async throws in
            let crowd = try await Crowd(40, at: url, saying: text)
            try await eventually { crowd.closedCount == 40 }
            crowd.leave()
        }
    }

    @Test("probes answer on their own listener while the API's is crowded")
    func probes() async throws {
        let probes = try ListenAddress(port: 0).withFreePort()
        let surface = ControlServerTests.surface()
        try await withServer(surface, probes: probes) { url async throws in
            let own = try #require(URL(string: "http://\(probes)"))
            let crowd = try await Crowd(600, at: url)
            for path in ["/healthz", "/readyz", "/leadz"] {
                #expect(try await ControlServerTests.ask(own, path, token: nil).status == 200)
            }
            for path in ["/", "/metrics", "/api/v1/deployments", "/api/v1/challenge"] {
                #expect(try await ControlServerTests.ask(own, path).status == 404)
            }
            #expect(try await ControlServerTests.ask(own, "/api/v1/sync", method: "POST").status == 404)
            crowd.leave()
        }
        #expect(surface.read { $0.looks } == 0)
    }

    @Test("an event stream ends when its token is no longer valid")
    func revoked() async throws {
        let surface = ControlServerTests.surface()
        let register = TokenRegistry(Tokens.keys())
        try await withServer(surface, register: register, heartbeat: .milliseconds(20)) { url async throws in
            let reading = Task { for try await _ in try client(url, Tokens.viewer).eventStream() {} }
            try await eventually { surface.readers == 1 }
            register.replace(Tokens.keys(but: ["board"]))
            await #expect(throws: ControlClientError.self) { try await reading.value }
            try await eventually { surface.readers == 0 }
        }
    }

    @Test("an event stream ends when its token is replaced by another of the same name")
    func replaced() async throws {
        let surface = ControlServerTests.surface()
        let register = TokenRegistry(Tokens.keys())
        let new = AccessKeys([
            try AccessKey(Caller(name: "board", role: .viewer), secret: "another-viewer-token-7c1e9f04b8d2")
        ])
        try await withServer(surface, register: register, heartbeat: .milliseconds(20)) { url async throws in
            let reading = Task { for try await _ in try client(url, Tokens.viewer).eventStream() {} }
            try await eventually { surface.readers == 1 }
            register.replace(new)
            await #expect(throws: ControlClientError.self) { try await reading.value }
            try await eventually { surface.readers == 0 }
        }
    }

    @Test("an event stream of a browser ends when the browser signs out")
    func signedOut() async throws {
        let surface = ControlServerTests.surface()
        try await withServer(surface, heartbeat: .milliseconds(20)) { url async throws in
            let visitor = try await WebVisitor.signedIn(url)
            let csrf = WebVisitor.field("csrf", of: try await visitor.get("/")) ?? ""
            let reading = Task { try await visitor.get("/api/v1/events", headers: [("accept", "text/event-stream")]) }
            try await eventually { surface.readers == 1 }
            #expect(try await visitor.post("/logout", ["csrf": csrf]).status == 303)
            #expect(try await reading.value.status == 200)
            try await eventually { surface.readers == 0 }
        }
    }
}
