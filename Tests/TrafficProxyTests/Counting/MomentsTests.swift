import Testing

@testable import TrafficProxy

@Suite struct MomentsTests {
    private static let milli: Int64 = 1_000_000

    @Test("failures that end within 5 ms of a moment's first are one moment, however many they are")
    func errors() {
        var moments = Moments()
        for end: Int64 in [100, 101, 105] { moments.note(isError: true, bucket: 0, at: end * Self.milli) }
        #expect(moments.errors == 1)
        // From the first on: a moment does not grow by what joins it.
        moments.note(isError: true, bucket: 0, at: 106 * Self.milli)
        #expect(moments.errors == 2)
        moments.note(isError: true, bucket: 0, at: 200 * Self.milli)
        #expect(moments.errors == 3)
    }

    @Test("what succeeds is of no moment, and does not end one")
    func successes() {
        var moments = Moments()
        moments.note(isError: true, bucket: 0, at: 100 * Self.milli)
        moments.note(isError: false, bucket: 0, at: 102 * Self.milli)
        moments.note(isError: true, bucket: 0, at: 104 * Self.milli)
        #expect(moments.errors == 1)
    }

    @Test("each latency bound has moments of its own: of what is slower than it")
    func slow() {
        var moments = Moments()
        moments.note(isError: false, bucket: 1, at: 100 * Self.milli)
        moments.note(isError: false, bucket: 3, at: 103 * Self.milli)
        moments.note(isError: false, bucket: 2, at: 107 * Self.milli)
        let slow = moments.slow
        #expect(slow.count == LatencyHistogram.boundsNanoseconds.count)
        // Over the first bound at 100 (and 103) and 107; over the next two from 103 on.
        #expect(Array(slow.prefix(4)) == [2, 1, 1, 0])
        moments.note(isError: false, bucket: LatencyHistogram.boundsNanoseconds.count, at: 200 * Self.milli)
        #expect(moments.slow.last == 1)
    }

    @Test("an end that is told late, in no order, belongs to the moment that was begun")
    func disorder() {
        var moments = Moments()
        moments.note(isError: true, bucket: 0, at: 100 * Self.milli)
        moments.note(isError: true, bucket: 0, at: 97 * Self.milli)
        #expect(moments.errors == 1)
    }

    @Test("requests that a real instance fails together are one moment, and those apart are two")
    func live() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.held)
            let port = try await harness.route(["r": (100, [upstream.port])])
            for round in 1...2 {
                let clients = try (0..<5).map { _ in try RawClient(port: port) }
                for client in clients { try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") }
                // Sent to the proxy, and from there to the instance.
                let requests = try await eventually {
                    try await upstream.requests()
                } until: {
                    $0 == 5 * round
                }
                #expect(requests == 5 * round)
                try await upstream.endHeld()
                let report = try await harness.instance("r-0", requests: 5 * round)
                #expect(report.counters.errors == 5 * round && report.counters.errorMoments == round)
            }
        }
    }
}
