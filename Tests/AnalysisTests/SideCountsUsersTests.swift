import Foundation
import ModelManifests
import Serving
import Testing

@testable import Analysis

@Suite("Counts of users and of all their requests")
struct SideCountsUsersTests {
    private static let bounds = [0.1, 1]

    private func first(_ requests: Int, errors: Int, every: RequestStratum?) -> SideCounts {
        SideCounts(
            requests: requests, errors: errors, latency: [requests, requests], bounds: Self.bounds, every: every)
    }

    @Test("differences and sums are taken for each; a side without requests adds nothing")
    func sums() throws {
        let users = SideCounts(
            latency: [0, 0], bounds: Self.bounds,
            users: UserCounters(windows: 2, units: 5, failed: 2, touched: 3, rejected: 1, slowed: [3, 1]))
        let one = first(
            2, errors: 0, every: RequestStratum(requests: 9, errors: 4, latency: [7, 9], abandoned: [2, 1]))
        let sum = one + users + SideCounts(unavailable: 3)
        #expect(sum.users == users.users && sum.every == one.every && sum.requests == 2 && sum.unavailable == 3)
        let twice = sum + sum
        #expect(twice.users == UserCounters(windows: 2, units: 10, failed: 4, touched: 6, rejected: 2, slowed: [6, 2]))
        #expect(twice.every == RequestStratum(requests: 18, errors: 8, latency: [14, 18], abandoned: [4, 2]))
        let added = try #require(twice.increment(since: sum))
        #expect(added.users == UserCounters(units: 5, failed: 2, touched: 3, rejected: 1, slowed: [3, 1]))
        #expect(added.every == one.every)
        #expect(twice.covers(sum) && !sum.covers(twice) && sum.increment(since: twice) == nil)
    }

    @Test("an instance without a sticky route has all of its requests in its counts")
    func mixed() {
        let sticky = first(2, errors: 0, every: RequestStratum(requests: 9, errors: 4, latency: [7, 9]))
        let other = first(3, errors: 1, every: nil)
        #expect((sticky + other).every == RequestStratum(requests: 12, errors: 5, latency: [10, 12]))
        #expect((other + other).every == nil && other.ofEveryRequest == other)
    }

    @Test("a threshold uses all requests")
    func threshold() {
        var gate = GateEvidence(
            spec: GateSpec(
                name: "errors",
                kind: .threshold(ThresholdGate(metric: .errors, max: 0.1, interval: .seconds(1), minSamples: 5))),
            alpha: 0)
        let counts = first(0, errors: 0, every: RequestStratum(requests: 50, errors: 50, latency: [50, 50]))
        for second in 1...3 {
            gate.absorb(
                Interval(
                    at: Date(timeIntervalSinceReferenceDate: Double(second)), stable: counts, candidate: counts),
                missedRegressionRate: 0.05)
        }
        #expect(gate.verdict == .fail)
    }

    @Test(
        "invalid counters are named",
        arguments: [
            (UserCounters(units: 2, touched: 3), "more failed users than users"),
            (UserCounters(units: 2, failed: -1), "a negative count of users"),
            (UserCounters(units: 2, slowed: [1]), "1 counts of slow users for 2 bounds"),
            (UserCounters(units: 2, slowed: [1, 2]), "more users over a larger bound than over a smaller one"),
        ])
    func impossible(users: UserCounters, problem: String) {
        #expect(SideCounts(latency: [0, 0], bounds: Self.bounds, users: users).impossibility == problem)
    }
}
