import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite("Users by windows of time")
struct UserWindowsTests {
    private static let second: Int64 = 1_000_000_000
    private static let revision = Revision(rawValue: "r")
    private let windows = UserWindows(length: .seconds(2), capacity: 3)

    private func note(
        _ user: UInt64, of revision: Revision = Self.revision, at seconds: Int64, isError: Bool = false,
        isRejected: Bool = false, bucket: Int = 0
    ) {
        windows.users(of: revision).note(
            user, isError: isError, isRejected: isRejected, bucket: bucket, at: seconds * Self.second)
    }

    private func counters(at seconds: Int64, of revision: Revision = Self.revision) -> UserCounters? {
        windows.report(PlaneHarness.deployment, at: seconds * Self.second).first { $0.revision == revision }?.users
    }

    @Test("a user is one unit of a window, however many requests they send, and failed only if all of them failed")
    func units() throws {
        for isError in [true, true] { note(1, at: 0, isError: isError) }
        for isError in [true, false, true] { note(2, at: 1, isError: isError) }
        note(3, at: 1, isRejected: true)
        #expect(counters(at: 1) == UserCounters(), "the window is still open")
        let first = try #require(counters(at: 2))
        #expect(first == UserCounters(windows: 1, units: 3, failed: 1, touched: 2, rejected: 1))
        #expect(counters(at: 9) == first)
    }

    @Test("a user counts again in each window with a request; windows without users do not count")
    func again() throws {
        for second: Int64 in [0, 2, 30] { note(1, at: second, isError: second > 0) }
        let report = try #require(counters(at: 100))
        #expect(report.windows == 3 && report.units == 3 && report.failed == 2)
    }

    @Test("windows belong to the route: a revision without users has as many")
    func both() throws {
        let other = Revision(rawValue: "o")
        note(1, of: other, at: 0)
        note(1, at: 4)
        #expect(counters(at: 10)?.windows == 2 && counters(at: 10, of: other)?.windows == 2)
        #expect(counters(at: 10)?.units == 1 && counters(at: 10, of: other)?.units == 1)
        windows.keep([other])
        #expect(counters(at: 10) == nil && counters(at: 10, of: other)?.units == 1)
    }

    @Test("a unit is as slow as its fastest request")
    func slow() throws {
        note(1, at: 0, bucket: 3)
        note(1, at: 1, bucket: 2)
        note(2, at: 1, bucket: 5)
        note(2, at: 1)
        let slowed = try #require(counters(at: 2)).slowed
        #expect(Array(slowed.prefix(3)) == [1, 1, 0] && slowed.count == LatencyBounds.seconds.count)
    }

    @Test("users beyond the limit are not units of the window and are counted as dropped; known users continue")
    func bounded() throws {
        for user in UInt64(1)...5 { note(user, at: 0) }
        note(1, at: 1, isError: true)
        note(5, at: 3)
        let report = try #require(counters(at: 50))
        #expect(report.units == 4 && report.touched == 1 && report.dropped == 2)
    }

    private func users(_ harness: PlaneHarness, units: Int) async throws -> [String: UserCounters] {
        let reports = try await eventually {
            try await harness.report().users
        } until: {
            $0.reduce(0) { $0 + $1.users.units } >= units
        }
        return Dictionary(uniqueKeysWithValues: reports.map { ($0.revision.rawValue, $0.users) })
    }

    @Test("on a real route, users who were served well at first are seen to fail in every later window")
    func live() async throws {
        var limits = ProxyLimits()
        limits.userWindow = .milliseconds(100)
        try await PlaneHarness.run(limits: limits) { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(
                ["s": (50, [stable.port]), "c": (50, [candidate.port])], routing: .stickyHeader("x-user"))
            let client = try RawClient(port: port)
            func round() async throws {
                for user in 0..<60 { _ = try await client.request(fields: ["x-user: u\(user)"]) }
            }
            try await round()
            let before = try await users(harness, units: 60)
            #expect(before.values.allSatisfy { $0.touched == 0 })
            try await candidate.behave(.status(500))
            try await round()
            let units = before.values.reduce(0) { $0 + $1.units }
            let after = try await users(harness, units: units + 60)
            let failed = try #require(after["c"]).failed
            #expect(failed > 15 && after["s"]?.touched == 0, "\(after)")
            // The independent evidence is reported as before: each user once.
            let counters = try await harness.instance("c-0").counters
            #expect(counters.errors == 0 && counters.requests < 45)
            // All requests are reported too, for thresholds.
            let every = try #require(counters.every)
            #expect(every.errors > 15 && every.requests == every.errors + counters.requests)
        }
    }

    @Test("there are no windows on a route that is not sticky, and none after it stops being sticky")
    func random() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["r": (100, [upstream.port])], routing: .stickyHeader("x-user"))
            _ = try await RawClient(port: port).request(fields: ["x-user: u"])
            #expect(try await harness.report().users.map(\.revision.rawValue) == ["r"])
            try await harness.route(["r": (100, [upstream.port])], generation: 2)
            _ = try await RawClient(port: port).request(fields: ["x-user: u"])
            #expect(try await harness.report().users.isEmpty)
            #expect(try await harness.instance("r-0").counters.every == nil)
        }
    }
}
