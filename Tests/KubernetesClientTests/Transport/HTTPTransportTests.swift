import Foundation
import Synchronization
import TestSupport
import Testing
import Transport

@testable import KubernetesClient

@Suite("Requests over TLS", .timeLimit(.minutes(10)))
struct HTTPTransportTests {
    static let request = APIRequest.get(.pods, NamespacedName(namespace: "a", name: "b"))
    static let watch = APIRequest.watch(.pods, resourceVersion: "1", timeout: .seconds(60))
    static let limit = Duration.seconds(20)

    static func transport(
        _ port: Int, ca: String? = "ca", serverName: String? = nil, insecure: Bool = false, proxyURL: String? = nil,
        host: String = "127.0.0.1", stopwatch: ClientClock = ClientClock(),
        _ credentials: any CredentialSource = StaticCredentials(token: "t0ken")
    ) throws -> HTTPTransport {
        let authorities = try ca.map { PEMSource.data(try Fixture.data("\($0).crt"), place: "test") }
        return try HTTPTransport(
            ClusterConnection(
                server: "https://\(host):\(port)/prefix/", serverName: serverName,
                trust: ServerTrust(authorities: authorities, isInsecure: insecure), proxyURL: proxyURL,
                credentials: credentials), stopwatch: stopwatch)
    }

    static func failure(_ transport: HTTPTransport, timeout: Duration = limit) async -> APIError? {
        do {
            _ = try await transport.send(request, timeout: timeout)
            return nil
        } catch {
            return error as? APIError
        }
    }

    @Test("a request carries its token and path; the connection is used again")
    func reuse() async throws {
        let server = try await TLSServer { _, _ in .whole(200, "{}", headers: ["retry-after": "7"]) }
        defer { server.stop() }
        let transport = try Self.transport(server.port)
        for _ in 0..<5 {
            let response = try await transport.send(Self.request, timeout: Self.limit)
            #expect(response == APIResponse(code: 200, body: Data("{}".utf8), retryAfterSeconds: 7))
        }
        let first = try #require(server.seen.first)
        #expect(first.target == "/prefix/api/v1/namespaces/a/pods/b")
        #expect(first.headers["authorization"] == "Bearer t0ken")
        #expect(first.headers["host"] == "127.0.0.1:\(server.port)")
        #expect(server.connectionCount == 1)
    }

    @Test("a certificate for another name is accepted under tls-server-name, and refused without")
    func serverName() async throws {
        let server = try await TLSServer(certificate: "named") { _, _ in .whole(200, "{}") }
        defer { server.stop() }
        let named = try Self.transport(server.port, serverName: "kubernetes", host: "localhost")
        #expect(try await named.send(Self.request, timeout: Self.limit).code == 200)
        #expect(server.seen.first?.headers["host"] == "localhost:\(server.port)")
        let error = await Self.failure(try Self.transport(server.port, host: "localhost"))
        #expect(error?.reason == .transport)
        #expect(message(of: error).contains("is not for 'localhost'"))
        #expect(message(of: error).contains("tls-server-name"))
    }

    @Test("an untrusted authority and an expired certificate give different errors")
    func untrusted() async throws {
        let server = try await TLSServer { _, _ in .whole(200, "{}") }
        let expired = try await TLSServer(certificate: "expired") { _, _ in .whole(200, "{}") }
        defer {
            server.stop()
            expired.stop()
        }
        let wrongCA = message(of: await Self.failure(try Self.transport(server.port, ca: "other-ca")))
        #expect(wrongCA.contains("signed by an authority that is not trusted"), "\(wrongCA)")
        let tooOld = message(of: await Self.failure(try Self.transport(expired.port)))
        #expect(tooOld.contains("expired at 2020-02-01"), "\(tooOld)")
        let insecure = try Self.transport(server.port, ca: nil, insecure: true)
        #expect(try await insecure.send(Self.request, timeout: Self.limit).code == 200)
    }

    @Test("a client certificate is shown to a server that asks for one; without it there is no connection")
    func clientCertificate() async throws {
        let server = try await TLSServer(wantsClient: true) { _, _ in .whole(200, "{}") }
        defer { server.stop() }
        let pair = (
            chain: PEMSource.file(RotatedFile(path: Fixture.path("client.crt"))),
            key: PEMSource.file(RotatedFile(path: Fixture.path("client.key")))
        )
        let known = try Self.transport(server.port, StaticCredentials(certificate: pair))
        #expect(try await known.send(Self.request, timeout: Self.limit).code == 200)
        let unknown = await Self.failure(try Self.transport(server.port))
        #expect(unknown?.reason == .transport)
    }

    @Test("after a 401 with an expired client certificate the error says that it expired")
    func expiredClient() async throws {
        let server = try await TLSServer { _, _ in
            .whole(401, #"{"kind":"Status","message":"Unauthorized","code":401}"#)
        }
        defer { server.stop() }
        let pair = (
            chain: PEMSource.file(RotatedFile(path: Fixture.path("client-expired.crt"))),
            key: PEMSource.file(RotatedFile(path: Fixture.path("client-expired.key")))
        )
        let error = await Self.failure(try Self.transport(server.port, StaticCredentials(certificate: pair)))
        #expect(error?.reason == .credentials)
        #expect(message(of: error).contains("the client certificate expired at 2020-02-01"))
    }

    /// Gives another token after each refusal.
    final class Renewing: CredentialSource {
        let number = Mutex(1)
        func current() async throws -> Credential { Credential(token: "t\(number.withLock { $0 })") }
        func refused(_ credential: Credential) async -> Bool {
            number.withLock { $0 += 1 }
            return true
        }
    }

    @Test("a 401 fetches credentials once more, and only once", arguments: [2, 99])
    func renewal(firstGood: Int) async throws {
        let server = try await TLSServer { seen, _ in
            let number = seen.headers["authorization"].flatMap { Int($0.dropFirst("Bearer t".count)) } ?? 0
            return .whole(number >= firstGood ? 200 : 401, "{}")
        }
        defer { server.stop() }
        let response = try await Self.transport(server.port, Renewing()).send(Self.request, timeout: Self.limit)
        #expect(response.code == (firstGood == 2 ? 200 : 401))
        #expect(server.seen.count == 2)
    }

    final class Lines: Sendable {
        private let state = Mutex((all: [String](), isOver: false))
        var all: [String] { state.withLock { $0.all } }
        var isOver: Bool { state.withLock { $0.isOver } }
        func add(_ line: Data) { state.withLock { $0.all.append(String(decoding: line, as: UTF8.self)) } }
        func end() { state.withLock { $0.isOver = true } }
    }

    @Test("a watch gives lines as they arrive, and fails after silence")
    func lines() async throws {
        let server = try await TLSServer { _, _ in .pieces(["one\ntw", "o\nthr"]) }
        defer { server.stop() }
        let clock = ManualClock()
        let transport = try Self.transport(server.port, stopwatch: ClientClock(clock))
        let lines = try await transport.lines(Self.watch, idleTimeout: .seconds(1))
        let read = Lines()
        let reading = Task {
            defer { read.end() }
            for try await line in lines { read.add(line) }
        }
        try await eventually { read.all.count == 2 }
        #expect(read.all == ["one", "two"])
        try await eventually {
            clock.advance(by: .seconds(1))
            return read.isOver
        }
        let error = await #expect(throws: APIError.self) { try await reading.value }
        #expect(message(of: error).contains("sent nothing for 1.0 seconds"))
    }

    @Test("a watch whose reader is cancelled ends at once, and so does a cache")
    func cancelledReader() async throws {
        let server = try await TLSServer { _, _ in
            .pieces([Settings.bookmark("5", endsInitialEvents: true) + "\n"])
        }
        defer { server.stop() }
        let api = KubernetesAPI(transport: try Self.transport(server.port))
        let cache = ObjectCache(Settings.self, of: api)
        let run = Task { await cache.run() }
        try await cache.waitUntilSynced(timeout: Self.limit)
        run.cancel()
        await run.value
        #expect(cache.freshness.error == nil)
    }

    @Test("a refused watch fails with the server's own reason")
    func refusedWatch() async throws {
        let server = try await TLSServer { _, _ in
            .whole(410, #"{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}"#)
        }
        defer { server.stop() }
        let transport = try Self.transport(server.port)
        let error = await #expect(throws: APIError.self) {
            _ = try await transport.lines(Self.watch, idleTimeout: Self.limit)
        }
        #expect(error?.isExpired == true)
    }

    @Test("errors name silence, a closed connection, and a port where nobody listens")
    func unreachable() async throws {
        let silent = try await TLSServer { _, _ in .silence }
        let closing = try await TLSServer { _, _ in .close }
        defer {
            silent.stop()
            closing.stop()
        }
        let late = await Self.failure(try Self.transport(silent.port), timeout: .milliseconds(300))
        #expect(message(of: late).contains("did not answer within 0.3 seconds"))
        let closed = await Self.failure(try Self.transport(closing.port))
        #expect(message(of: closed).contains("closed the connection") || message(of: closed).contains("reset"))
        let refused = await Self.failure(try Self.transport(1))
        #expect(message(of: refused).contains("refuses connections"), "\(message(of: refused))")
        let nameless = await Self.failure(try Self.transport(1, host: "no-such-host.invalid"))
        #expect(message(of: nameless).contains("no-such-host.invalid"), "\(message(of: nameless))")
        #expect(nameless?.retry == .transient(after: nil))
    }

    @Test("the proxy connects to the real address, and the certificate is checked through it")
    func proxy() async throws {
        let server = try await TLSServer(certificate: "named") { _, _ in .whole(200, "{}") }
        let proxy = try await ConnectProxy()
        defer {
            server.stop()
            proxy.stop()
        }
        let through = try Self.transport(
            server.port, serverName: "kubernetes", proxyURL: "http://user:pass@127.0.0.1:\(proxy.port)")
        #expect(try await through.send(Self.request, timeout: Self.limit).code == 200)
        #expect(proxy.heads.first?.hasPrefix("CONNECT 127.0.0.1:\(server.port) HTTP/1.1\r\n") == true)
        #expect(proxy.heads.first?.lowercased().contains("proxy-authorization: basic dxnlcjpwyxnz") == true)
        let wrongName = await Self.failure(
            try Self.transport(
                server.port, serverName: "another", proxyURL: "http://127.0.0.1:\(proxy.port)", host: "localhost"))
        #expect(wrongName?.reason == .transport)
    }

    @Test("a cancelled call ends as cancelled, not as an empty answer")
    func cancellation() async throws {
        let server = try await TLSServer { _, _ in .pieces(["{"]) }
        defer { server.stop() }
        let transport = try Self.transport(server.port)
        let call = Task { try await transport.send(Self.request, timeout: .seconds(60)) }
        try await eventually { server.seen.count == 1 }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
    }

    @Test(
        "settings that cannot work are refused before anything is sent",
        arguments: [
            ("127.0.0.1:1", nil), ("ftp://x", nil), ("https://10.0.0.1", "http://proxy:3128"), ("https://x", "ftp://y"),
        ])
    func settings(server: String, proxyURL: String?) {
        let connection = ClusterConnection(
            server: server, proxyURL: proxyURL, credentials: StaticCredentials())
        let error = #expect(throws: APIError.self) { _ = try HTTPTransport(connection) }
        #expect(error?.reason == .credentials)
    }
}
