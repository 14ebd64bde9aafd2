import Foundation
import HTTP1
import Testing
import TestSupport

@testable import TrafficProxy

@Suite struct LimitTests {
    @Test(
        "anything that could smuggle a request is refused, the connection ends, and nothing reaches the instance",
        arguments: RequestFaults.all.filter { $0.0.hasSuffix("\n") })
    func smuggling(text: String, fault: HeadFault) async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send(text + "GET /smuggled HTTP/1.1\r\nhost: h\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.status == fault.status)
            #expect(answer.field("connection") == "close" && answer.field("x-request-id") != nil)
            #expect(try await client.readToEnd() == "")
            #expect(try await upstream.requests() == 0)
        }
    }

    @Test(
        "a bad chunk ends the request, and what follows is never read as a request",
        arguments: [
            "x\r\n", "3\r\nabcX\r\n", "3\nabc\r\n0\r\n\r\n", "0\r\nContent-Length: 3\r\n\r\n",
        ])
    func badChunk(body: String) async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send(
                "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n" + body
                    + "GET /smuggled HTTP/1.1\r\nhost: h\r\n\r\n")
            #expect(try await client.answer().status == 400)
            #expect(try await client.readToEnd() == "")
            #expect(try await upstream.requests() == 0)
            #expect(try await harness.instance("r-0").counters.requests == 0)
        }
    }

    @Test("a head that is too large gets 431, even while it is incomplete")
    func largeHead() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send("GET / HTTP/1.1\r\nhost: h\r\nx: " + String(repeating: "a", count: 40_000))
            #expect(try await client.answer().status == 431)
        }
    }

    @Test("a head that arrives too slowly gets 408, and a connection that is idle too long is closed")
    func slowHead() async throws {
        var limits = ProxyLimits()
        limits.headReadTime = .milliseconds(100)
        limits.clientIdleTime = .milliseconds(300)
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["r": (100, [upstream.port])])
            let (slow, idle) = (try RawClient(port: port), try RawClient(port: port))
            try await slow.send("GET / HTTP/1.1\r\nhost")
            #expect(try await slow.answer().status == 408)
            #expect(try await slow.readToEnd() == "")
            #expect(try await idle.readToEnd() == "")
        }
    }

    @Test("a body that stops arriving is the client's fault: 408, and not counted")
    func slowBody() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["r": (100, [upstream.port])], timeout: .milliseconds(200))
            let client = try RawClient(port: port)
            try await client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc")
            #expect(try await client.answer().status == 408)
            let report = try await harness.instance("r-0")
            #expect(report.counters.requests == 0 && report.inFlight == 0)
        }
    }

    @Test("connections over the limit are refused with a reason, and there is room again when one ends")
    func connections() async throws {
        var limits = ProxyLimits()
        limits.connectionsPerListener = 2
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["r": (100, [upstream.port])])
            let first = try RawClient(port: port)
            do {
                let second = try RawClient(port: port)
                #expect(try await first.request().status == 200)
                #expect(try await second.request().status == 200)
                let third = try RawClient(port: port)
                let refused = try await third.answer()
                #expect(refused.status == 503 && refused.body.contains("too many connections"))
                #expect(try await harness.report().routes?.first?.refusedConnections == 1)
            }
            let status = try await eventually {
                (try? await RawClient(port: port).request())?.status ?? 0
            } until: {
                $0 == 200
            }
            #expect(status == 200)
        }
    }

    @Test("requests wait for one of the instance's connections, and are refused beyond the limit")
    func pending() async throws {
        var limits = ProxyLimits()
        limits.upstreamConnections = 1
        limits.pendingRequests = 1
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.events)
            let port = try await harness.route(["r": (100, [upstream.port])])
            let clients = try (0..<3).map { _ in try RawClient(port: port) }
            let request = "GET / HTTP/1.1\r\nhost: h\r\n\r\n"
            try await clients[0].send(request)
            _ = try await clients[0].read(until: "\r\n\r\n")
            try await clients[1].send(request)
            #expect(try await harness.instance("r-0", inFlight: 2).inFlight == 2)
            try await clients[2].send(request)
            #expect(try await clients[2].answer().status == 503)
            try await upstream.stream("end", ends: true)
            _ = try await clients[1].read(until: "\r\n\r\n")
            #expect(try await upstream.connections() == 1)
        }
    }
}
