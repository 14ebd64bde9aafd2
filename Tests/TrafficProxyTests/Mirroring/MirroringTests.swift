import JSON
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct MirroringTests {
    private static func json(_ text: String, status: Int = 200) -> ScriptedUpstream.Behaviour {
        .raw("HTTP/1.1 \(status) Some\r\ncontent-length: \(text.utf8.count)\r\n\r\n\(text)", closes: false)
    }

    @Test("a shadow gets the same request as stable, marked as a copy; the pairs agree, and both sides are counted")
    func copies() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.echo)
            let client = try RawClient(port: try await harness.route(stable: stable.port, shadow: shadow.port))
            for number in 0..<20 {
                let answer = try await client.request("PUT", "/infer?a=\(number)", fields: ["x-custom: c"], body: "[1]")
                #expect(answer.status == 200 && answer.body == "[1]" && answer.field("x-mlctl-revision") == "s")
            }
            let counters = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 20 }
            #expect(counters.pairs == PairCounters(pairs: 20))
            #expect(counters.requests == 20 && counters.errors == 0 && counters.latency.last == 20)
            let users = try await harness.instance("s-0").counters
            #expect(users.requests == 20 && users.pairs == nil)
            // Copies may overtake each other, so the copy to examine is sent alone.
            _ = try await client.request("PUT", "/infer?a=last", fields: ["x-custom: c"], body: "[1]")
            let last = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 21 }
            #expect(last.requests == 21)
            let sent = try #require(try await stable.lastRequest())
            var copied = try #require(try await shadow.lastRequest())
            #expect(copied.method == "PUT" && copied.path == "/infer?a=last" && copied.fields.contains("x-custom: c\n"))
            #expect(copied.fields.contains("x-mlctl-shadow: true\n"))
            copied.fields = copied.fields.replacing("x-mlctl-shadow: true\n", with: "")
            #expect(copied == sent)
            #expect(try await harness.copiedBytes() == 0)
        }
    }

    @Test("a body that arrives in chunks and in parts is copied unchanged")
    func chunked() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.echo)
            let client = try RawClient(port: try await harness.route(stable: stable.port, shadow: shadow.port))
            try await client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n")
            let reached = try await harness.instance("s-0", inFlight: 1)
            #expect(reached.inFlight == 1)
            #expect(try await shadow.requests() == 0)
            try await client.send("2\r\n2]\r\n0\r\n\r\n")
            #expect(try await client.answer().body == "[1,2]")
            let counters = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 1 }
            #expect(counters.pairs == PairCounters(pairs: 1))
            #expect(try await shadow.lastRequest()?.body == "[1,2]")
        }
    }

    @Test("answers that differ are disagreements, by the distance of the numbers at the path")
    func disagreements() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(Self.json(#"{"id":"s","y":[0.5,0.5]}"#))
            let shadow = try await ScriptedUpstream(Self.json(#"{"id":"m","y":[0.5,0.75]}"#))
            let comparison = ShadowComparison(path: JSONPath(steps: [.member("y")]), tolerance: 0.1)
            let client = try RawClient(
                port: try await harness.route(stable: stable.port, shadow: shadow.port, comparison: comparison))
            #expect(try await client.request().status == 200)
            let first = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 1 }.pairs
            #expect(first == PairCounters(pairs: 1, disagreements: 1, distance: 0.125))
            try await shadow.behave(.status(503))
            #expect(try await client.request().status == 200)
            let second = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 2 }
            #expect(second.pairs == PairCounters(pairs: 2, disagreements: 2, distance: 1.125))
            #expect(second.requests == 2 && second.errors == 1)
            #expect(try await harness.instance("m-0").failedRequestIds.count == 1)
        }
    }

    @Test("equal answers agree, whichever of them is compressed")
    func compressed() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.body(gzippedScore, fields: "content-encoding: gzip\n"))
            let shadow = try await ScriptedUpstream(Self.json(#"{"y":0.9}"#))
            let client = try RawClient(port: try await harness.route(stable: stable.port, shadow: shadow.port))
            #expect(try await client.request().field("content-encoding") == "gzip")
            let first = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 1 }.pairs
            #expect(first == PairCounters(pairs: 1))
            try await shadow.behave(Self.json(#"{"y":0.8}"#))
            _ = try await client.request()
            let second = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 2 }.pairs
            #expect(second?.disagreements == 1)
        }
    }

    @Test("if the shadow hangs, all users get their answers, and the number of copies in progress is limited")
    func hangs() async throws {
        var limits = ProxyLimits()
        limits.shadowsPerRoute = 4
        try await PlaneHarness.run(limits: limits) { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.hang)
            let port = try await harness.route(stable: stable.port, shadow: shadow.port)
            let client = try RawClient(port: port)
            for number in 0..<50 { #expect(try await client.request(body: "\(number)").body == "\(number)") }
            // New routes do not forget the copies in progress.
            try await harness.route(stable: stable.port, shadow: shadow.port, generation: 2)
            for number in 0..<50 { #expect(try await client.request(body: "\(number)").body == "\(number)") }
            let report = try await harness.instance("m-0")
            #expect(report.inFlight == 4)
            #expect(report.counters.pairs == PairCounters(dropped: 96))
            #expect(report.counters.requests == 0)
            #expect(try await harness.instance("s-0").counters.requests == 100)
            #expect(try await shadow.requests() <= 4)
        }
    }

    @Test("a shadow that does not answer in time is an error and disagrees, and its slot is free again")
    func timesOut() async throws {
        var limits = ProxyLimits()
        limits.shadowsPerRoute = 2
        try await PlaneHarness.run(limits: limits) { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.hang)
            let port = try await harness.route(
                stable: stable.port, shadow: shadow.port, timeout: .seconds(2))
            let client = try RawClient(port: port)
            for _ in 0..<2 { #expect(try await client.request(body: "1").status == 200) }
            let failed = try await harness.counters(of: "m-0") { $0.errors == 2 && $0.pairs?.pairs == 2 }
            #expect(failed.errors == 2 && failed.requests == 2)
            #expect(failed.pairs == PairCounters(pairs: 2, disagreements: 2, distance: 2))
            #expect(try await harness.instance("m-0", inFlight: 0).inFlight == 0)
            try await shadow.behave(.echo)
            try await harness.route(stable: stable.port, shadow: shadow.port, generation: 2)
            #expect(try await client.request(body: "1").status == 200)
            let paired = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 3 }
            #expect(paired.pairs == PairCounters(pairs: 3, disagreements: 2, distance: 2))
            #expect(try await harness.instance("s-0").counters.errors == 0)
            #expect(try await harness.copiedBytes() == 0)
        }
    }

    @Test("a shadow that stops in the middle of its answer is an error and disagrees")
    func stalls() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.events)
            let client = try RawClient(
                port: try await harness.route(stable: stable.port, shadow: shadow.port, timeout: .seconds(2)))
            _ = try await client.request(body: "1")
            let counters = try await harness.counters(of: "m-0") { $0.requests == 1 && $0.pairs?.pairs == 1 }
            #expect(counters.errors == 1 && counters.pairs?.disagreements == 1)
        }
    }

    @Test("a shadow that streams for too long is abandoned: no error and no pair")
    func streams() async throws {
        var limits = ProxyLimits()
        limits.bodyIdleTime = .milliseconds(100)
        try await PlaneHarness.run(limits: limits) { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.events)
            let client = try RawClient(
                port: try await harness.route(stable: stable.port, shadow: shadow.port, timeout: .seconds(2)))
            #expect(try await client.request(body: "1").body == "1")
            let counters = try await eventually {
                try await shadow.stream("data")
                return try await harness.instance("m-0").counters
            } until: {
                $0.requests == 1 && $0.pairs?.dropped == 1
            }
            #expect(counters.requests == 1 && counters.errors == 0)
            #expect(counters.pairs == PairCounters(dropped: 1))
            #expect(try await harness.copiedBytes() == 0)
        }
    }

    @Test("a shadow that is down costs users nothing and counts as failing: it never agrees")
    func isDown() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let port = try await harness.route(stable: stable.port, shadow: try HeldPort.refusing())
            let client = try RawClient(port: port)
            for _ in 0..<20 { #expect(try await client.request(body: "1").body == "1") }
            let counters = try await harness.counters(of: "m-0") { $0.errors == 20 && $0.pairs?.pairs == 20 }
            #expect(counters.errors == 20)
            #expect(counters.pairs == PairCounters(pairs: 20, disagreements: 20, distance: 20))
            #expect(try await harness.instance("s-0").counters.errors == 0)
        }
    }

    @Test(
        "a shadow that answers garbage fails and disagrees, without an effect on users",
        arguments: [
            "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nX", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "",
        ])
    func garbage(text: String) async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.raw(text, closes: true))
            let client = try RawClient(port: try await harness.route(stable: stable.port, shadow: shadow.port))
            for _ in 0..<5 { #expect(try await client.request(body: "1").body == "1") }
            let counters = try await harness.counters(of: "m-0") { $0.errors == 5 && $0.pairs?.pairs == 5 }
            #expect(counters.errors == 5 && counters.pairs?.disagreements == 5)
            #expect(try await harness.copiedBytes() == 0)
        }
    }

    @Test("a shadow that answers 10 MB is not read to the end: it disagrees", arguments: [true, false])
    func large(saysLength: Bool) async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let megabytes = String(repeating: "z", count: 10 * 1024 * 1024)
            let field = saysLength ? "content-length: \(megabytes.utf8.count)\r\n" : ""
            let shadow = try await ScriptedUpstream(.raw("HTTP/1.1 200 OK\r\n\(field)\r\n\(megabytes)", closes: true))
            let client = try RawClient(port: try await harness.route(stable: stable.port, shadow: shadow.port))
            for _ in 0..<2 { #expect(try await client.request(body: "1").body == "1") }
            let counters = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 2 }
            #expect(counters.pairs == PairCounters(pairs: 2, disagreements: 2, distance: 2))
            #expect(counters.errors == 0)
            #expect(try await harness.copiedBytes() == 0)
            #expect(try await harness.instance("m-0", inFlight: 0).inFlight == 0)
        }
    }

    @Test("requests over the limit are not mirrored, with or without a declared length, and count as dropped")
    func largeRequests() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.echo)
            let client = try RawClient(
                port: try await harness.route(
                    stable: stable.port, shadow: shadow.port, comparison: ShadowComparison(maxBodyBytes: 1000)))
            let large = String(repeating: "z", count: 5000)
            #expect(try await client.request(body: large).body == large)
            try await client.send(
                "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1388\r\n\(large)\r\n0\r\n\r\n")
            #expect(try await client.answer().body == large)
            #expect(try await client.request(body: "1").body == "1")
            let counters = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 1 }
            #expect(counters.pairs == PairCounters(pairs: 1, dropped: 2, tooLarge: 2))
            #expect(try await shadow.requests() == 1)
            #expect(try await harness.copiedBytes() == 0)
        }
    }

    @Test("bodies of 300 KiB are compared, whatever the limit of observed bodies is")
    func largerThanObserved() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.echo)
            let client = try RawClient(port: try await harness.route(stable: stable.port, shadow: shadow.port))
            let body = "[" + String(repeating: "1,", count: 150 * 1024) + "1]"
            for _ in 0..<3 { #expect(try await client.request(body: body).body == body) }
            let counters = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 3 }
            #expect(counters.pairs == PairCounters(pairs: 3))
            #expect(try await harness.copiedBytes() == 0)
        }
    }

    @Test("a share is mirrored, and nothing of a client that opts out or of synthetic requests")
    func share() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.echo)
            let client = try RawClient(
                port: try await harness.route(stable: stable.port, shadow: shadow.port, mirror: 30))
            for _ in 0..<400 { _ = try await client.request(body: "1") }
            let pairs = try await eventually {
                (try await harness.instance("m-0").counters.pairs?.pairs ?? 0, try await shadow.requests())
            } until: {
                $0.0 == $0.1 && $0.0 > 0
            }
            // Five standard deviations of the binomial. The harness's seed is fixed.
            #expect(pairs.0 == pairs.1 && (75...165).contains(pairs.0))
            try await harness.route(stable: stable.port, shadow: shadow.port, mirror: 100, generation: 2)
            let before = try await shadow.requests()
            for field in ["x-mlctl-no-mirror: true", "X-Mlctl-No-Mirror: TRUE", "x-mlctl-synthetic: true"] {
                _ = try await client.request(fields: [field], body: "1")
            }
            _ = try await client.request(fields: ["x-mlctl-no-mirror: false"], body: "1")
            let counters = try await harness.counters(of: "m-0") { $0.requests == before + 1 }
            #expect(counters.requests == before + 1)
            #expect(try await shadow.requests() == before + 1)
        }
    }

    @Test("a faster shadow waits for the user's answer; if the client gives up there is no pair")
    func faster() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.events)
            let shadow = try await ScriptedUpstream(Self.json("abc"))
            let port = try await harness.route(stable: stable.port, shadow: shadow.port)
            let (staying, leaving) = (try RawClient(port: port), try RawClient(port: port))
            for client in [staying, leaving] {
                try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
                _ = try await client.read(until: "\r\n\r\n")
            }
            let ended = try await harness.counters(of: "m-0") { $0.requests == 2 }
            #expect(ended.requests == 2 && ended.pairs == PairCounters())
            try await leaving.reset()
            #expect(try await harness.instance("s-0", inFlight: 1).inFlight == 1)
            try await stable.stream("abc", ends: true)
            #expect(try await staying.read(until: "0\r\n\r\n") == "3\r\nabc\r\n0\r\n\r\n")
            let paired = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 1 }
            #expect(paired.requests == 2 && paired.pairs == PairCounters(pairs: 1))
            #expect(try await harness.copiedBytes() == 0)
        }
    }

    @Test("an observation of users' answers also observes the shadow's answers to the same requests")
    func observed() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(Self.json(#"{"y":0.9}"#))
            let client = try RawClient(
                port: try await harness.route(
                    stable: stable.port, shadow: shadow.port,
                    observe: [
                        PlaneHarness.observation("score"),
                        PlaneHarness.observation("half", sample: 0.5),
                        PlaneHarness.observation("age", of: .request, path: "x"),
                    ]))
            for x in 0..<10 { _ = try await client.request(body: #"{"y":0.1,"x":\#(x)}"#) }
            let users = try await harness.counters(of: "s-0") { $0.observed["score"] == [10, 0] }.observed
            let shadows = try await harness.counters(of: "m-0") {
                $0.observed["age"] == [1, 9] && $0.pairs?.pairs == 10
            }
            .observed
            #expect(users["score"] == [10, 0] && shadows["score"] == [0, 10])
            #expect(users["age"] == [1, 9] && shadows["age"] == [1, 9])
            let half = try #require(shadows["half"])
            #expect(users["half"] == [half[1], half[0]])
        }
    }

    @Test("if stable fails there is no pair, and the shadow is judged on its own")
    func stableFails() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.raw("", closes: true))
            let shadow = try await ScriptedUpstream(.echo)
            let client = try RawClient(port: try await harness.route(stable: stable.port, shadow: shadow.port))
            #expect(try await client.request(body: "1").status == 502)
            try await stable.behave(.status(500))
            #expect(try await client.request(body: "1").status == 500)
            let counters = try await harness.counters(of: "m-0") { $0.requests == 2 && $0.pairs?.dropped == 1 }
            #expect(counters.requests == 2 && counters.errors == 0)
            #expect(counters.pairs == PairCounters(dropped: 1))
        }
    }

    @Test("all requests of a sticky user are mirrored, and the first is evidence")
    func sticky() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.echo)
            let shadow = try await ScriptedUpstream(.echo)
            let client = try RawClient(
                port: try await harness.route(
                    stable: stable.port, shadow: shadow.port, routing: .stickyHeader("x-user")))
            for user in 0..<4 {
                for _ in 0..<3 { _ = try await client.request(fields: ["x-user: u\(user)"], body: "1") }
            }
            let ended = try await eventually {
                try await shadow.requests()
            } until: {
                $0 == 12
            }
            #expect(ended == 12)
            let counters = try await harness.counters(of: "m-0") { $0.pairs?.pairs == 4 }
            #expect(counters.requests == 4 && counters.pairs == PairCounters(pairs: 4))
            let text = try await eventually {
                try await harness.metrics()
            } until: {
                $0.contains(#"revision="m",instance="m-0"} 12"# + "\n")
            }
            #expect(
                text.contains(
                    #"mlctl_proxy_requests_total{namespace="test",deployment="d",revision="m",instance="m-0"} 12"#))
        }
    }

    @Test("a connection that the shadow closed as idle is not an error of the shadow")
    func staleConnection() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let shadow = try await ScriptedUpstream(.closeOnSecond)
            let client = try RawClient(port: try await harness.route(stable: stable.port, shadow: shadow.port))
            for _ in 0..<4 {
                _ = try await client.request()
                _ = try await harness.instance("m-0", inFlight: 0)
            }
            let counters = try await harness.counters(of: "m-0") { $0.requests == 4 }
            #expect(counters.requests == 4 && counters.errors == 0)
        }
    }
}
