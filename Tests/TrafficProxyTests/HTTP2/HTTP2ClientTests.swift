import Foundation
import ModelManifests
import NIOCore
import Serving
import TestSupport
import Testing

@testable import TrafficProxy

@Suite("HTTP/2 without TLS", .enabled(if: Curl.speaksHTTP2, "curl cannot speak HTTP/2"))
struct HTTP2ClientTests {
    @Test("a client that begins with HTTP/2 gets the answer of an instance that speaks HTTP/1.1")
    func get() async throws {
        try await PlaneHarness.run { harness in
            let server = try await ScriptedUpstream(.answer(name: "a"))
            let port = try await harness.route(["a": (100, [server.port])])
            let answer = try await Curl.get(
                "--http2-prior-knowledge", "-H", "x-user: u", "-H", "cookie: a=1", "http://127.0.0.1:\(port)/p?q=1")
            #expect(answer.exit == 0 && answer.status == 200 && answer.version == "2")
            #expect(answer.head.contains("x-mlctl-revision: a"))
            #expect(!answer.head.contains("connection:"))
            #expect(answer.body.contains("GET /p?q=1"))
            let request = try #require(try await server.lastRequest())
            #expect(request.fields.contains("host: 127.0.0.1:\(port)\n"))
            #expect(request.fields.contains("x-user: u\n") && request.fields.contains("cookie: a=1\n"))
            #expect(request.fields.contains("x-forwarded-for: 127.0.0.1\n"))
            #expect(try await harness.instance("a-0", inFlight: 0, requests: 1).counters.errors == 0)
        }
    }

    @Test("bodies of any size and framing pass unchanged, both ways", arguments: [0, 1, 70_000, 3_000_000])
    func bodies(size: Int) async throws {
        try await PlaneHarness.run { harness in
            let server = try await ScriptedUpstream(.echo)
            let port = try await harness.route(["a": (100, [server.port])])
            let file = FileManager.default.temporaryDirectory.appending(path: "mlctl-\(UUID().uuidString)")
            let text = String(repeating: "0123456789", count: size / 10) + String(repeating: "x", count: size % 10)
            try text.write(to: file, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(at: file) }
            let path = file.path(percentEncoded: false)
            for more in [["-H", "x-a: b"], ["-H", "transfer-encoding: chunked", "-H", "content-length:"]] {
                let answer = try await Curl.get(
                    "--http2-prior-knowledge", "--data-binary", "@\(path)", more[0], more[1],
                    "http://127.0.0.1:\(port)/")
                #expect(answer.exit == 0 && answer.status == 200 && answer.version == "2")
                #expect(answer.body.utf8.count == size && answer.body == text)
            }
        }
    }

    @Test("HEAD, and answers without a body, end with their head")
    func noBody() async throws {
        try await PlaneHarness.run { harness in
            let server = try await ScriptedUpstream(.answer(name: "a"))
            let port = try await harness.route(["a": (100, [server.port])])
            let url = "http://127.0.0.1:\(port)/"
            #expect(try await Curl.get("--http2-prior-knowledge", "--head", url).status == 200)
            try await server.behave(.raw("HTTP/1.1 204 No Content\r\n\r\n", closes: false))
            let answer = try await Curl.get("--http2-prior-knowledge", url)
            #expect(answer.exit == 0 && answer.status == 204 && answer.body.isEmpty)
        }
    }

    @Test("a client that offers to upgrade is answered by HTTP/1.1")
    func upgrade() async throws {
        try await PlaneHarness.run { harness in
            let server = try await ScriptedUpstream(.answer(name: "a"))
            let port = try await harness.route(["a": (100, [server.port])])
            let answer = try await Curl.get("--http2", "http://127.0.0.1:\(port)/")
            #expect(answer.exit == 0 && answer.status == 200 && answer.version == "1.1")
        }
    }

    @Test("a proxy without an instance answers by HTTP/2, too")
    func ownAnswer() async throws {
        try await PlaneHarness.run { harness in
            let port = try await harness.route(["a": (100, [try HeldPort.refusing()])])
            let answer = try await Curl.get("--http2-prior-knowledge", "http://127.0.0.1:\(port)/")
            #expect(answer.exit == 0 && answer.status == 502 && answer.version == "2")
            #expect(answer.head.contains("content-type: application/json"))
        }
    }

    @Test("an answer that is cut off is an error for the client, and counts as one")
    func cutOff() async throws {
        try await PlaneHarness.run { harness in
            let server = try await ScriptedUpstream(
                .raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", closes: true))
            let port = try await harness.route(["a": (100, [server.port])])
            #expect(try await Curl.get("--http2-prior-knowledge", "http://127.0.0.1:\(port)/").exit != 0)
            #expect(try await harness.instance("a-0", inFlight: 0, requests: 1).counters.errors == 1)
        }
    }

    @Test("an instance whose only port speaks HTTP/2 gets plain requests by it, through another proxy")
    func onlyHTTP2() async throws {
        try await PlaneHarness.run { inner in
            let server = try await ScriptedUpstream(.echo)
            let innerPort = try await inner.route(["i": (100, [server.port])])
            try await PlaneHarness.run { outer in
                let port = try await outer.routeCalls(["a": (100, innerPort, nil)])
                for version in ["--http1.1", "--http2-prior-knowledge"] {
                    let answer = try await Curl.get(version, "--data", "hello", "http://127.0.0.1:\(port)/x")
                    #expect(answer.exit == 0 && answer.status == 200 && answer.body == "hello")
                }
                #expect(try await outer.instance("a-0", inFlight: 0, requests: 2).counters.errors == 0)
                #expect(try await server.lastRequest()?.path == "/x")
            }
        }
    }
}

/// Frames written by hand.
@Suite("Frames of HTTP/2 from clients")
struct HTTP2FrameTests {
    private static let preface = HTTP2Preface.bytes
    private static let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]

    private static func frame(_ type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let size = payload.count
        return [UInt8(size >> 16 & 0xff), UInt8(size >> 8 & 0xff), UInt8(size & 0xff), type, flags]
            + withUnsafeBytes(of: stream.bigEndian, Array.init) + payload
    }

    /// GET / with the fields given literally.
    private static func head(
        stream: UInt32, fields: [(String, String)] = [], ends: Bool = true
    ) -> [UInt8] {
        var block: [UInt8] = [0x82, 0x86, 0x84, 0x41, 1, UInt8(ascii: "h")]
        for (name, value) in fields {
            block += [0x10, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        return frame(1, flags: ends ? 5 : 4, stream: stream, block)
    }

    private static func reset(stream: UInt32) -> [UInt8] { frame(3, flags: 0, stream: stream, [0, 0, 0, 8]) }

    private func run(
        _ limits: ProxyLimits = ProxyLimits(), _ behaviour: ScriptedUpstream.Behaviour = .status(200),
        _ body: (PlaneHarness, RawClient, ScriptedUpstream) async throws -> Void
    ) async throws {
        try await PlaneHarness.run(limits: limits) { harness in
            let server = try await ScriptedUpstream(behaviour)
            let port = try await harness.route(["a": (100, [server.port])])
            try await body(harness, RawClient(port: port), server)
        }
    }

    @Test("the preface may arrive in pieces")
    func pieces() async throws {
        try await run { harness, client, _ in
            for byte in Self.preface { try await client.send([byte]) }
            try await client.send(Self.settings + Self.head(stream: 1))
            #expect(try await client.read(until: "status 200").contains("status 200"))
            #expect(try await harness.instance("a-0", requests: 1).counters.requests == 1)
        }
    }

    @Test("what only looks like a preface is a bad request of HTTP/1.1")
    func notAPreface() async throws {
        try await run { _, client, _ in
            try await client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
            #expect(try await client.answer().status == 400)
        }
    }

    @Test("a connection of HTTP/1.1 does not become one of HTTP/2 after its first request")
    func notLater() async throws {
        try await run { _, client, _ in
            #expect(try await client.request("GET", body: "").status == 200)
            try await client.send(Self.preface)
            #expect(try await client.answer().status == 400)
        }
    }

    @Test("a stream that smuggles is reset, reaches no instance, and others go on")
    func smuggling() async throws {
        try await run { harness, client, server in
            try await client.send(
                Self.preface + Self.settings + Self.head(stream: 1, fields: [("transfer-encoding", "chunked")])
                    + Self.head(stream: 3, fields: [("x", "a\r\nb: c")]) + Self.head(stream: 5, fields: [("X", "a")])
                    + Self.head(stream: 7, fields: [("content-length", "3")], ends: true)
                    + Self.head(stream: 9, fields: [("x\u{e9}", "v")]) + Self.head(stream: 11))
            #expect(try await client.read(until: "status 200").contains("status 200"))
            #expect(try await server.requests() == 1)
        }
    }

    @Test("a body of another length than was declared is reset")
    func lengths() async throws {
        try await run { harness, client, server in
            try await client.send(
                Self.preface + Self.settings + Self.head(stream: 1, fields: [("content-length", "3")], ends: false)
                    + Self.frame(0, flags: 1, stream: 1, Array("hello".utf8)) + Self.head(stream: 3))
            #expect(try await client.read(until: "status 200").contains("status 200"))
            #expect(try await server.requests() == 1)
            #expect(try await harness.instance("a-0", inFlight: 0).counters.errors == 0)
        }
    }

    @Test("a client that opens and resets streams without end is cut off")
    func rapidReset() async throws {
        var limits = ProxyLimits()
        limits.resetsPerWindow = 50
        try await run(limits, .hang) { harness, client, _ in
            var bytes = Self.preface + Self.settings
            for number in 0..<200 as Range<UInt32> {
                bytes += Self.head(stream: 2 * number + 1) + Self.reset(stream: 2 * number + 1)
            }
            try await client.send(bytes)
            _ = try await client.readToEnd()
            #expect(try await harness.instance("a-0", inFlight: 0).inFlight == 0)
        }
    }

    @Test("a head that is larger than permitted reaches no instance")
    func headerBomb() async throws {
        var limits = ProxyLimits()
        limits.requestHeadBytes = 4096
        try await run(limits) { harness, client, server in
            let value = String(repeating: "v", count: 120)
            let fields = (0..<100).map { ("x\($0)", value) }
            try await client.send(Self.preface + Self.settings + Self.head(stream: 1, fields: fields))
            _ = try await client.read(until: "the head is too large")
            #expect(try await server.requests() == 0)
        }
    }

    @Test("a connection without a request ends politely after the idle time")
    func idle() async throws {
        var limits = ProxyLimits()
        limits.clientIdleTime = .milliseconds(100)
        limits.lingerTime = .milliseconds(100)
        try await run(limits) { harness, client, _ in
            try await client.send(Self.preface + Self.settings)
            _ = try await client.readToEnd()
            let left = try await eventually {
                try await harness.handle.loop.submit { [handle = harness.handle] in
                    handle.plane.value.http2Clients.count
                }.get()
            } until: {
                $0 == 0
            }
            #expect(left == 0)
        }
    }

    @Test("a proxy that stops finishes the requests of a connection, and tells the client to leave")
    func drain() async throws {
        try await run(ProxyLimits(), .held) { harness, client, server in
            try await client.send(Self.preface + Self.settings + Self.head(stream: 1))
            #expect(
                try await eventually {
                    try await server.requests()
                } until: {
                    $0 == 1
                } == 1)
            let drained = harness.handle.drain()
            let goAway = String(decoding: [7, 0, 0, 0, 0, 0, 0x7f], as: UTF8.self)
            _ = try await client.read(until: goAway)
            try await server.answerHeld()
            _ = try await client.read(until: "late")
            try await drained.get()
        }
    }
}
