import Foundation
import Testing

@testable import TrafficProxy

@Suite struct ForwardingTests {
    @Test("a request reaches the instance with its fields, and the answer names its revision")
    func forwards() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.answer(name: "one"))
            let client = try RawClient(port: try await harness.route(["rev1": (100, [upstream.port])]))
            let answer = try await client.request(
                "POST", "/v2/x?y=1", fields: ["x-a: b", "connection: keep-alive"], body: "hello")
            #expect(answer.status == 200)
            #expect(answer.body.hasPrefix("one\nPOST /v2/x?y=1\n"))
            #expect(answer.body.hasSuffix("\nhello"))
            #expect(answer.body.contains("x-forwarded-for: 127.0.0.1\n"))
            #expect(answer.body.contains("x-a: b\n"))
            #expect(!answer.body.contains("connection:"))
            #expect(answer.field("x-mlctl-revision") == "rev1")
            let id = try #require(answer.field("x-request-id"))
            #expect(id.hasPrefix("rev1-") && answer.body.contains("x-request-id: \(id)\n"))
            #expect(answer.fields.count { $0.name == "x-request-id" } == 1)
        }
    }

    @Test("connections are reused on both sides, and a client's own ID is kept")
    func keepAlive() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.answer(name: "one"))
            let port = try await harness.route(["rev1": (100, [upstream.port])])
            let client = try RawClient(port: port)
            for number in 0..<20 {
                let answer = try await client.request(fields: ["x-request-id: mine-\(number)"])
                #expect(answer.field("x-request-id") == "mine-\(number)")
            }
            #expect(try await upstream.connections() == 1)
            #expect(try await upstream.requests() == 20)
        }
    }

    @Test("pipelined requests are answered in order, the invalid one last")
    func pipelining() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            let one = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n"
            let chunked = "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbc\r\n0\r\n\r\n"
            try await client.send(one + "a" + chunked + one + "d" + "BAD\r\n\r\n")
            #expect(try await client.answer().body == "a")
            #expect(try await client.answer().body == "bc")
            #expect(try await client.answer().body == "d")
            #expect(try await client.answer().status == 400)
            #expect(try await client.readToEnd() == "")
            #expect(try await upstream.requests() == 3)
        }
    }

    @Test("a request that arrives byte by byte is one request")
    func dribble() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            for byte in "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".utf8 {
                try await client.send([byte])
            }
            #expect(try await client.answer().body == "abc")
        }
    }

    @Test("HEAD, 204 and 304 have no body, and the connection continues")
    func withoutBody() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            let head = try await client.request("HEAD", "/", body: "")
            #expect(head.status == 200 && head.field("content-length") == "10")
            try await upstream.behave(.raw("HTTP/1.1 204 No Content\r\n\r\n", closes: false))
            #expect(try await client.request().status == 204)
            try await upstream.behave(.raw("HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n", closes: false))
            #expect(try await client.request("GET", body: "").status == 304)
            #expect(try await upstream.connections() == 1)
        }
    }

    @Test("100 Continue is forwarded before the body is sent")
    func expectContinue() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n")
            #expect(try await client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await client.send("abc")
            #expect(try await client.answer().body == "abc")
        }
    }

    @Test("events of a stream are forwarded as they are sent, with the same chunks")
    func events() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.events)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send("GET /stream HTTP/1.1\r\nhost: h\r\n\r\n")
            let head = try await client.read(until: "\r\n\r\n")
            #expect(head.contains("text/event-stream") && head.contains("x-mlctl-revision: r\r\n"))
            for number in 1...3 {
                try await upstream.stream("data: \(number)\n\n")
                #expect(try await client.read(until: "\n\n\r\n") == "9\r\ndata: \(number)\n\n\r\n")
            }
            #expect(try await harness.instance("r-0").inFlight == 1)
            #expect(try await harness.instance("r-0").counters.requests == 0)
            try await upstream.stream("data: 4\n\n", ends: true)
            #expect(try await client.read(until: "0\r\n\r\n").hasSuffix("0\r\n\r\n"))
            let after = try await harness.instance("r-0", inFlight: 0)
            #expect(after.counters.requests == 1 && after.counters.errors == 0)
        }
    }

    @Test("a body that ends with its connection is chunked for the client, who can tell that it is complete")
    func untilClose() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.raw("HTTP/1.0 200 OK\r\n\r\nhello world", closes: true))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            for _ in 0..<2 {
                let answer = try await client.request("GET", body: "")
                #expect(answer.field("transfer-encoding") == "chunked")
                #expect(answer.body == "hello world")
            }
            #expect(try await harness.instance("r-0", requests: 2).counters.errors == 0)
        }
    }

    @Test("an HTTP/1.0 client gets no chunks, and the connection closes")
    func oldClient() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(
                .raw(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n",
                    closes: false))
            let port = try await harness.route(["r": (100, [upstream.port])])
            let client = try RawClient(port: port)
            try await client.send("GET / HTTP/1.0\r\n\r\n")
            let text = try await client.readToEnd()
            #expect(text.hasSuffix("\r\nconnection: close\r\n\r\nabcde"))
            #expect(!text.contains("chunked"))

            try await upstream.behave(.status(200))
            let keeping = try RawClient(port: port)
            for _ in 0..<2 {
                try await keeping.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
                let answer = try await keeping.answer()
                #expect(answer.body == "status 200" && answer.field("connection") == "keep-alive")
            }
        }
    }

    @Test("upgrades and CONNECT are refused with a reason; an offer of HTTP/2 is ignored")
    func upgrades() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.answer(name: "one"))
            let port = try await harness.route(["r": (100, [upstream.port])])
            let socket = try await RawClient(port: port).request(
                "GET", fields: ["connection: upgrade", "upgrade: websocket"], body: "")
            #expect(socket.status == 501 && socket.body.contains("upgrades are not supported"))
            let offer = try await RawClient(port: port).request(
                "GET", fields: ["connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMA"], body: ""
            )
            #expect(offer.status == 200)
            #expect(!offer.body.contains("upgrade") && !offer.body.contains("http2-settings"))
            let tunnel = try RawClient(port: port)
            try await tunnel.send("CONNECT other:443 HTTP/1.1\r\nhost: other:443\r\n\r\n")
            #expect(try await tunnel.answer().status == 501)
            #expect(try await upstream.requests() == 1)
        }
    }

    @Test("a large body is forwarded completely in both directions, without being buffered completely")
    func large() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            let body = String(repeating: "0123456789abcdef", count: 512 * 1024)
            async let sent: Void = client.send(
                "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: \(body.utf8.count)\r\n\r\n" + body)
            try await sent
            let answer = try await client.answer()
            #expect(answer.body == body)
            #expect(try await client.request(body: "small").body == "small")
        }
    }

    @Test("if an instance does not read the body, the client is stopped from sending")
    func backPressure() async throws {
        var limits = ProxyLimits()
        limits.writeBufferHighBytes = 32 * 1024
        limits.writeBufferLowBytes = 8 * 1024
        try await PlaneHarness.run(limits: limits) { harness in
            // The kernel accepts the connections, and nobody reads from them.
            try await HeldPort.withDeafListener { deaf in
                let client = try RawClient(port: try await harness.route(["r": (100, [deaf])]))
                let size = 64 * 1024 * 1024
                try await client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: \(size)\r\n\r\n")
                let accepted = try await client.sendUntilBlocked(chunk: 256 * 1024, most: size)
                // At most what the kernel buffers on both hops and a little of the proxy, but never the body.
                #expect(accepted < size / 2)
                #expect(try await harness.instance("r-0").inFlight == 1)
            }
        }
    }
}
