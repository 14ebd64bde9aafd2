import Foundation
import Testing

@testable import TrafficProxy

@Suite struct FailureTests {
    @Test("5xx is an error and 4xx a rejection; both are forwarded, and failed IDs are kept")
    func statuses() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(500))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            var ids: [String?] = []
            for number in 0..<25 {
                let answer = try await client.request(fields: ["x-request-id: id\(number)"])
                #expect(answer.status == 500)
                ids.append(answer.field("x-mlctl-request-id"))
            }
            try await upstream.behave(.status(404))
            #expect(try await client.request().status == 404)
            let report = try await harness.instance("r-0")
            #expect(report.counters.requests == 26 && report.counters.errors == 25 && report.counters.rejected == 1)
            #expect(report.failedRequestIds == ids.suffix(20))
        }
    }

    @Test("a hanging instance is an error after the time-out, and the client gets 504")
    func hangs() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.hang)
            let port = try await harness.route(["r": (100, [upstream.port])], timeout: .milliseconds(200))
            let client = try RawClient(port: port)
            let answer = try await client.request()
            #expect(answer.status == 504 && answer.field("x-mlctl-revision") == "r")
            #expect(answer.body.contains("did not answer in time"))
            let report = try await harness.instance("r-0")
            #expect(report.counters.requests == 1 && report.counters.errors == 1 && report.inFlight == 0)
            // The latency is at least the time-out: a hanging instance never looks fast.
            let underTimeOut = zip(report.counters.bounds, report.counters.latency).filter { $0.0 < 0.2 }
            #expect(underTimeOut.allSatisfy { $0.1 == 0 })
            try await upstream.behave(.status(200))
            try await harness.route(["r": (100, [upstream.port])], generation: 2)
            #expect(try await client.request().status == 200)
        }
    }

    @Test(
        "an answer that breaks off is an error, and the client can tell",
        arguments: [
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\nX",
        ])
    func breaksOff(text: String) async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.raw(text, closes: true))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            _ = try await client.read(until: "\r\n\r\n")
            let got = try await client.readToEnd()
            #expect(!got.contains("0\r\n\r\n"))
            let report = try await harness.instance("r-0", inFlight: 0)
            #expect(report.counters.requests == 1 && report.counters.errors == 1)
        }
    }

    @Test(
        "a malformed answer is 502 and an error",
        arguments: [
            ("", "closed the connection"), ("HTTP/1.1 200 OK\r\nBroken", "closed the connection"),
            ("SSH-2.0-x\r\n\r\n", "malformed"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "malformed"),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "malformed"),
        ])
    func malformed(text: String, reason: String) async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.raw(text, closes: true))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            let answer = try await client.request()
            #expect(answer.status == 502 && answer.body.contains(reason))
            let report = try await harness.instance("r-0")
            #expect(report.counters.requests == 1 && report.counters.errors == 1)
            #expect(try await upstream.requests() == 1)
        }
    }

    @Test("a dead instance is ejected and another takes over; refused connections are its errors")
    func ejected() async throws {
        try await PlaneHarness.run { harness in
            let alive = try await ScriptedUpstream(.status(200))
            let dead = try HeldPort.refusing()
            let client = try RawClient(port: try await harness.route(["r": (100, [dead, alive.port])]))
            for _ in 0..<50 { #expect(try await client.request().status == 200) }
            let report = try await harness.instance("r-0")
            #expect(report.counters.errors > 0 && report.counters.errors < 50)
            #expect(report.counters.errors == report.counters.requests)
            // A request counts once: where it was refused, or where it was answered.
            let other = try await harness.instance("r-1")
            #expect(other.counters.requests + report.counters.requests == 50)
            #expect(other.counters.errors == 0)
        }
    }

    @Test("if every instance is ejected they are tried anyway, and serve once they are back")
    func allEjected() async throws {
        var limits = ProxyLimits()
        limits.ejectionTimeMin = .seconds(30)
        try await PlaneHarness.run(limits: limits) { harness in
            let port = try HeldPort.refusing()
            let client = try RawClient(port: try await harness.route(["r": (100, [port])]))
            #expect(try await client.request().status == 502)
            #expect(try await harness.instance("r-0").ejected)
            let upstream = try await ScriptedUpstream(.status(200), port: port)
            #expect(try await client.request().status == 200)
            let report = try await harness.instance("r-0")
            #expect(!report.ejected && report.counters.errors == 1 && report.counters.requests == 2)
            #expect(upstream.port == port)
        }
    }

    @Test("failures are never retried at another revision")
    func neverCross() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let dead = try HeldPort.refusing()
            let client = try RawClient(port: try await harness.route(["s": (50, [stable.port]), "c": (50, [dead])]))
            var statuses: [Int: Int] = [:]
            for _ in 0..<1000 { statuses[try await client.request().status, default: 0] += 1 }
            #expect(statuses == [200: 500, 502: 500])
        }
    }

    @Test("an idle connection that ends is not an error if the request can be sent again")
    func stale() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.closeOnSecond)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            for _ in 0..<5 { #expect(try await client.request("GET", body: "").status == 200) }
            let report = try await harness.instance("r-0")
            #expect(report.counters.requests == 5 && report.counters.errors == 0)
        }
    }

    @Test("a POST that the instance may have acted on is not sent again: it is an error")
    func notTwice() async throws {
        var limits = ProxyLimits()
        // Even on a slow machine, the connection counts as one in steady use.
        limits.upstreamSteadyRest = .seconds(60)
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.closeOnSecond)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            #expect(try await client.request().status == 200)
            #expect(try await client.request().status == 502)
            #expect(try await upstream.requests() == 2)
            #expect(try await client.request(fields: ["idempotency-key: 1"]).status == 200)
            let report = try await harness.instance("r-0")
            #expect(report.counters.requests == 3 && report.counters.errors == 1)
        }
    }

    @Test("a POST is sent again if its path or the manifest says that this is safe")
    func idempotentPath() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.closeOnSecond)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            for _ in 0..<4 { #expect(try await client.request("POST", "/v2/models/m/infer").status == 200) }
            var counters = try await harness.instance("r-0").counters
            #expect(counters.requests == 4 && counters.errors == 0)
            try await harness.route(["r": (100, [upstream.port])], idempotent: true, generation: 2)
            for _ in 0..<4 { #expect(try await client.request().status == 200) }
            counters = try await harness.instance("r-0").counters
            #expect(counters.requests == 8 && counters.errors == 0)
            try await harness.route(["r": (100, [upstream.port])], idempotent: false, generation: 3)
            #expect(try await client.request("POST", "/v2/models/m/infer").status == 502)
            // An idempotent method needs no further permission.
            #expect(try await client.request("GET", body: "").status == 200)
            #expect(try await client.request("GET", body: "").status == 200)
        }
    }

    @Test("a POST that kills its model is still that model's error: the second connection was not idle")
    func deadly() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.closeOnSecond)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            #expect(try await client.request("POST", "/v2/models/m/infer").status == 200)
            try await upstream.behave(.raw("", closes: true))
            #expect(try await client.request("POST", "/v2/models/m/infer").status == 502)
            let counters = try await harness.instance("r-0").counters
            #expect(counters.requests == 2 && counters.errors == 1)
        }
    }

    @Test("an idle connection that ends under a POST that cannot be repeated fails the request, but is not an error")
    func idleEnds() async throws {
        var limits = ProxyLimits()
        // Every connection counts as idle.
        limits.upstreamSteadyRest = .zero
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.closeOnSecond)
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            #expect(try await client.request().status == 200)
            #expect(try await client.request().status == 502)
            let counters = try await harness.instance("r-0").counters
            #expect(counters.requests == 1 && counters.errors == 0)
            #expect(try await harness.report().routes?.first?.refusedConnections == 1)
        }
    }

    @Test("an instance that closed an idle connection gets a new one, and no request is lost")
    func closedAtRest() async throws {
        var limits = ProxyLimits()
        limits.upstreamTrustedRest = .zero
        try await PlaneHarness.run(limits: limits) { harness in
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
            let upstream = try await ScriptedUpstream(.raw(answer, closes: true))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            for number in 1...30 {
                #expect(try await client.request().body == "ok")
                let ended = try await eventually {
                    try await upstream.ended()
                } until: {
                    $0 == number
                }
                #expect(ended == number)
            }
            #expect(try await harness.instance("r-0").counters.errors == 0)
        }
    }

    @Test("a client that disconnects is not counted, and its instance is not blamed")
    func clientAborts() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.hang)
            let port = try await harness.route(["r": (100, [upstream.port])])
            let client = try RawClient(port: port)
            try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
            #expect(try await harness.instance("r-0", inFlight: 1).inFlight == 1)
            try await client.reset()
            let report = try await harness.instance("r-0", inFlight: 0)
            #expect(report.inFlight == 0 && report.counters.requests == 0)
        }
    }
}
