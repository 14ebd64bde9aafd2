import JSON
import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct ObservingTests {
    @Test("values of answers and requests are counted at the instance that answered")
    func counted() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let port = try await harness.route(
                stable: upstream.port,
                observe: [
                    PlaneHarness.observation("score"),
                    PlaneHarness.observation("age", of: .request, path: "x", edges: [10, 20]),
                ])
            let client = try RawClient(port: port)
            for (y, x) in [(0.1, 5), (0.9, 15), (0.7, 16), (0.5, 99)] {
                let body = #"{"y": \#(y), "x": \#(x)}"#
                #expect(try await client.request(body: body).body == body)
            }
            let counters = try await harness.counters(of: "s-0") {
                $0.observed == ["score": [2, 2], "age": [1, 2, 1]]
            }
            #expect(counters.observed == ["score": [2, 2], "age": [1, 2, 1]])
            #expect(counters.requests == 4 && counters.pairs == nil)
        }
    }

    @Test("an observed answer reaches its client unchanged, in chunks or until the end, in parts or at once")
    func untouched() async throws {
        let answers = [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"y\"\r\n5\r\n:0.9}\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n{\"y\":0.9}",
        ]
        for answer in answers {
            for version in ["1.0", "1.1"] {
                try await PlaneHarness.run { harness in
                    let upstream = try await ScriptedUpstream(.raw(answer, closes: true))
                    let request = "GET / HTTP/\(version)\r\nhost: h\r\nx-request-id: r\r\n\r\n"
                    var bodies: [String] = []
                    for observe in [[], [PlaneHarness.observation("score")]] {
                        let client = try RawClient(
                            port: try await harness.route(stable: upstream.port, observe: observe))
                        try await client.send(request)
                        bodies.append(try await client.answer().body)
                    }
                    #expect(bodies == [#"{"y":0.9}"#, #"{"y":0.9}"#])
                    let counters = try await harness.counters(of: "s-0") { $0.observed == ["score": [0, 1]] }
                    #expect(counters.observed == ["score": [0, 1]])
                }
            }
        }
    }

    @Test("compressed answers are observed, and reach their client as the model sent them")
    func compressed() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.body(gzippedScore, fields: "content-encoding: gzip\n"))
            let client = try RawClient(
                port: try await harness.route(stable: upstream.port, observe: [PlaneHarness.observation("score")]))
            let answer = try await client.request(fields: ["accept-encoding: gzip"])
            #expect(answer.field("content-encoding") == "gzip")
            #expect(answer.field("content-length") == "\(gzippedScore.count)")
            #expect(try await upstream.lastRequest()?.fields.contains("accept-encoding: gzip\n") == true)
            let counters = try await harness.counters(of: "s-0") { $0.observed == ["score": [0, 1]] }
            #expect(counters.observed == ["score": [0, 1]])
        }
    }

    @Test("a rate-limited observation runs only while two revisions serve, and within its rate")
    func moderate() async throws {
        let observation = PredictionObservation(
            name: "prediction", path: JSONPath("y")!, buckets: .automatic, mostPerSecond: 1)
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let alone = try RawClient(port: try await harness.route(stable: upstream.port, observe: [observation]))
            for _ in 0..<5 { #expect(try await alone.request(body: #"{"y": 3}"#).status == 200) }
            #expect(try await harness.instance("s-0").counters.observed["prediction"]?.reduce(0, +) == 0)

            let port = try await harness.route(
                stable: upstream.port, shadow: upstream.port, mirror: 0, observe: [observation], generation: 2)
            let client = try RawClient(port: port)
            let began = ContinuousClock.now
            for _ in 0..<5 { #expect(try await client.request(body: #"{"y": 3}"#).status == 200) }
            let seconds = Int((ContinuousClock.now - began) / .seconds(1))
            let counters = try await harness.counters(of: "s-0") { ($0.observed["prediction"]?.reduce(0, +) ?? 0) > 0 }
            let bucket = try #require(AutomaticBuckets.bucket(of: 3.0))
            #expect((1...1 + seconds).contains(counters.observed["prediction"]?[bucket] ?? 0))
        }
    }

    @Test("numbers, booleans and strings are sorted even if nothing is known about them")
    func automatic() {
        let sorter = BucketSorter(.automatic)
        #expect(sorter.bucket(.number(3)) == AutomaticBuckets.bucket(of: 3.0))
        #expect(sorter.bucket(.string("cat")) == AutomaticBuckets.bucket(of: "cat"))
        #expect(sorter.bucket(.boolean(true)) == AutomaticBuckets.bucket(of: 1.0))
        #expect(sorter.bucket(.boolean(false)) == AutomaticBuckets.bucket(of: 0.0))
    }

    @Test("a missing value is reported by its reason, and the answer is still forwarded")
    func unseen() async throws {
        var limits = ProxyLimits()
        limits.copiedBodyBytes = 1000
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let client = try RawClient(
                port: try await harness.route(stable: upstream.port, observe: [PlaneHarness.observation("score")]))
            let large = #"{"y":0.9,"z":"\#(String(repeating: "z", count: 2000))"}"#
            #expect(try await client.request(body: large).body == large)
            for body in ["text", "{}", #"{"y":true}"#] { _ = try await client.request(body: body) }
            try await upstream.behave(
                .raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", closes: false))
            #expect(try await client.request().body == "abc")
            // The body of an error is not a prediction.
            try await upstream.behave(.raw("HTTP/1.1 500 E\r\ncontent-length: 7\r\n\r\n{\"y\":1}", closes: false))
            #expect(try await client.request().status == 500)
            try await upstream.behave(.echo)
            _ = try await client.request(body: #"{"y":0.2}"#)
            let counters = try await harness.counters(of: "s-0") { $0.observed == ["score": [1, 0]] }
            #expect(counters.observed == ["score": [1, 0]])
            let text = try await harness.metrics()
            let labels = #"namespace="test",deployment="d",revision="s",instance="s-0",observation="score""#
            for (reason, count) in [("tooLarge", 1), ("notJSON", 1), ("noValue", 2), ("garbled", 1)] {
                #expect(text.contains("mlctl_proxy_not_observed_total{\(labels),reason=\"\(reason)\"} \(count)\n"))
            }
            #expect(try await harness.copiedBytes() == 0)
        }
    }

    @Test("each request is drawn once; the requests of a smaller sample are a subset of those of a larger one")
    func sample() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let client = try RawClient(
                port: try await harness.route(
                    stable: upstream.port,
                    observe: [
                        PlaneHarness.observation("all"), PlaneHarness.observation("some", sample: 0.25),
                        PlaneHarness.observation("none", sample: 0),
                    ]))
            for _ in 0..<400 { _ = try await client.request(body: #"{"y":0.9}"#) }
            let counters = try await harness.counters(of: "s-0") { $0.observed["all"] == [0, 400] }
            #expect(counters.observed["all"] == [0, 400] && counters.observed["none"] == [0, 0])
            // Five standard deviations of the binomial. The harness's seed is fixed.
            let some = try #require(counters.observed["some"])
            #expect(some[0] == 0 && (57...143).contains(some[1]))
        }
    }

    @Test("of a sticky user only the first request is observed, and synthetic requests never")
    func evidence() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let client = try RawClient(
                port: try await harness.route(
                    stable: upstream.port, observe: [PlaneHarness.observation("score")],
                    routing: .stickyHeader("x-user")))
            for user in 0..<5 {
                for y in [0.1, 0.9] {
                    _ = try await client.request(fields: ["x-user: u\(user)"], body: #"{"y":\#(y)}"#)
                }
            }
            _ = try await client.request(fields: ["x-mlctl-synthetic: true"], body: #"{"y":0.9}"#)
            _ = try await client.request(body: #"{"y":0.9}"#)
            let counters = try await harness.counters(of: "s-0") { $0.observed == ["score": [5, 1]] }
            #expect(counters.observed == ["score": [5, 1]])
        }
    }

    @Test("bodies without room for a copy are not observed, and users notice nothing")
    func noRoom() async throws {
        var limits = ProxyLimits()
        limits.copiedBytesTotal = 4
        try await PlaneHarness.run(limits: limits) { harness in
            let upstream = try await ScriptedUpstream(.echo)
            let client = try RawClient(
                port: try await harness.route(stable: upstream.port, observe: [PlaneHarness.observation("score")]))
            for _ in 0..<10 { #expect(try await client.request(body: #"{"y":1}"#).body == #"{"y":1}"#) }
            let text = try await eventually {
                try await harness.metrics()
            } until: {
                $0.contains("reason=\"noRoom\"} 10\n")
            }
            #expect(text.contains("reason=\"noRoom\"} 10\n"))
            #expect(try await harness.instance("s-0").counters.observed == ["score": [0, 0]])
        }
    }
}
