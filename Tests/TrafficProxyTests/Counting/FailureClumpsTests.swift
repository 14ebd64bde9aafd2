import Testing

@testable import TrafficProxy

@Suite("Clumps of failures")
struct FailureClumpsTests {
    private static let milli: Int64 = 1_000_000

    private static func failures(at milliseconds: [Int64], in together: inout FailureClumps) {
        for end in milliseconds { together.note(isError: true, bucket: 0, at: end * milli) }
    }

    private static func answer(at end: Int64, in together: inout FailureClumps) {
        together.note(isError: false, bucket: 0, at: end * milli)
    }

    @Test("failures within 5 ms of each other are one clump, whatever succeeds between")
    func atOnce() {
        var together = FailureClumps()
        Self.failures(at: [100], in: &together)
        Self.answer(at: 102, in: &together)
        Self.failures(at: [104], in: &together)
        #expect(together.errors == 4)
        Self.answer(at: 105, in: &together)
        Self.failures(at: [108], in: &together)
        #expect(together.errors == 9)
        Self.answer(at: 110, in: &together)
        Self.failures(at: [114], in: &together)
        #expect(together.errors == 10)
    }

    @Test("failures within 5 ms are single if many good answers came between: at high request rates that is chance")
    func manyRequests() {
        var together = FailureClumps()
        for _ in 0..<10 {
            Self.failures(at: [100], in: &together)
            for _ in 0...FailureClumps.answersBetween { Self.answer(at: 100, in: &together) }
        }
        #expect(together.errors == 10)
    }

    @Test("three or more failures in a row are one clump, however far apart; two are single")
    func inARow() {
        var together = FailureClumps()
        Self.failures(at: [0, 1_000], in: &together)
        #expect(together.errors == 2)
        Self.failures(at: [2_500], in: &together)
        #expect(together.errors == 9)
        Self.answer(at: 2_600, in: &together)
        Self.failures(at: [2_700, 2_900], in: &together)
        #expect(together.errors == 11)
        // No failure for more than two seconds.
        Self.failures(at: [5_000], in: &together)
        #expect(together.errors == 12)
    }

    @Test("a clump ends after 60 requests or two seconds, whichever is later")
    func longest() {
        var slow = FailureClumps()
        Self.failures(at: (0..<80).map { $0 * 100 }, in: &slow)
        #expect(slow.errors == 60 * 60 + 20)
        var fast = FailureClumps()
        Self.failures(at: (0..<300).map { $0 * 10 }, in: &fast)
        #expect(fast.errors == 201 * 201 + 99)
        Self.answer(at: 3_000, in: &fast)
        Self.failures(at: [3_000, 3_010, 3_020], in: &fast)
        #expect(fast.errors == 201 * 201 + 99 + 9)
    }

    @Test("failures within 5 ms with good answers between are at most 60 per clump")
    func percolation() {
        var together = FailureClumps()
        for _ in 0..<120 {
            Self.failures(at: [100], in: &together)
            Self.answer(at: 100, in: &together)
        }
        #expect(together.errors == 2 * 60 * 60)
    }

    @Test("each latency bound has its own clumps: a good answer is one that is not slower")
    func slow() {
        var together = FailureClumps()
        for (bucket, end) in [(1, 100), (3, 200), (2, 300), (1, 400), (3, 500)] as [(Int, Int64)] {
            together.note(isError: false, bucket: bucket, at: end * Self.milli)
        }
        let slow = together.slow
        #expect(slow.count == LatencyHistogram.boundsNanoseconds.count)
        // Over the first bound: five in a row. Over the second: two and one. Over the third: one and one.
        #expect(Array(slow.prefix(4)) == [25, 3, 2, 0])
        together.note(isError: false, bucket: LatencyHistogram.boundsNanoseconds.count, at: 5_000 * Self.milli)
        #expect(together.slow.last == 1)
    }

    @Test("a client that gives up counts as slow, and not as a good answer")
    func abandoned() {
        var together = FailureClumps()
        for end: Int64 in [0, 100, 200] {
            together.note(isError: true, bucket: 0, at: end * Self.milli)
            together.note(isError: false, isAnswer: false, bucket: 2, at: (end + 10) * Self.milli)
        }
        #expect(together.errors == 9)
        #expect(Array(together.slow.prefix(3)) == [3, 3, 0])
    }

    @Test("an end that is reported late or out of order belongs to the current clump")
    func disorder() {
        var together = FailureClumps()
        Self.failures(at: [100, 97], in: &together)
        #expect(together.errors == 4)
    }

    @Test("requests that a real instance fails together are one clump, and later ones are another")
    func live() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.held)
            let port = try await harness.route(["r": (100, [upstream.port])])
            let clients = try (0..<5).map { _ in try RawClient(port: port) }
            for client in clients { try await client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") }
            // The requests have reached the proxy and then the instance.
            let requests = try await eventually {
                try await upstream.requests()
            } until: {
                $0 == 5
            }
            #expect(requests == 5)
            try await upstream.endHeld()
            let report = try await harness.instance("r-0", requests: 5)
            #expect(report.counters.errors == 5 && report.counters.errorsTogether == 25)
        }
    }
}
