import Analysis
import Foundation
import ModelManifests
import Serving
import TestSupport

/// How soon an increase is found after a long healthy past, and the guarantees if failures come together: guarantees
/// come first, the worst of them at the top.
///
/// Looks are at every 50 requests unless stated otherwise. The rate of one gate is 1 in 222, as for one of two gates.
enum Alertness {
    static let requestsPerLook = 50
    static let weight = 0.25

    static func run(_ streams: Streams, firstCell: Int) async -> [Figure] {
        let clumps = await ClumpedFailures.run(streams.atMost(300), firstCell: firstCell)
        return await clumps + jumps(streams, firstCell + 100)
            + LongPast.run(streams, firstCell: firstCell + 120)
            + [broken(streams.atMost(200), firstCell + 140), stickyUsers(streams.atMost(50), firstCell + 150)]
    }

    static func judgement(_ kind: GateSpec.Kind = .compare(CompareGate(metric: .errors))) -> Judgement {
        Judgement(
            gates: [GateSpec(name: "gate", kind: kind)], falseRollbackRate: 0.005,
            missedRegressionRate: Promise.missedRegressionRate, startedAt: Promise.start)
    }

    private static func jumps(_ streams: Streams, _ cell: Int) async -> [Figure] {
        var figures: [Figure] = []
        let rows = [(0, 100.0, 400), (2_000, 200, 400), (20_000, 250, 200), (200_000, 350, 60), (2_000_000, 450, 16)]
        for (index, (healthy, goal, count)) in rows.enumerated() {
            let jump = Jump(healthy: healthy, from: 0.01, to: 0.10, weight: weight)
            let ends = await streams.atMost(count).map(cell: cell + index) { jump.run(&$0) }
            let own = ends.map(\.own).medianOrNever
            figures.append(
                Figure(
                    what: "1 → 10 % after \(healthy) healthy ones, weight 25 %: median to fail",
                    goal: "≤ \(text(goal)) of the candidate's", measured: whole(own),
                    peer: "GrowthBook \(whole(ends.map(\.growthBook).medianOrNever)), five planned looks "
                        + whole(ends.map(\.planned).medianOrNever),
                    isMet: own ?? .infinity <= goal))
        }
        return figures
    }

    private static func broken(_ streams: Streams, _ cell: Int) async -> Figure {
        let jump = Jump(healthy: 0, from: 0.01, to: 1, weight: weight, requestsPerLook: 1)
        let ends = await streams.map(cell: cell) { jump.run(&$0).own ?? .infinity }
        return Figure(
            what: "fails everything from its first request, a look a request: median, and most",
            goal: "≤ 15 of the candidate's", measured: "\(text(ends.median)), \(text(ends.max() ?? .infinity))",
            isMet: ends.allSatisfy { $0 <= 15 })
    }

    /// 60 users who were all served well, at 100 requests/s and weight 60. Then the candidate fails every request.
    /// Windows of 2 s, and a look every second. The users' first requests were all long ago.
    private static func stickyUsers(_ streams: Streams, _ cell: Int) async -> Figure {
        let ends = await streams.map(cell: cell) { draws -> Double? in
            let users = (0..<60).map { _ in draws.uniform() < 0.6 }
            var judgement = judgement()
            for second in 1...90 {
                var sides = [true: UserCounters(), false: UserCounters()]
                if second % 2 == 0 {
                    // With 200 requests almost every user has some.
                    let seen = Set((0..<200).map { _ in Int(draws.uniform() * 60) })
                    for user in seen {
                        let fails = users[user] && second > 30
                        sides[users[user]]?.units += 1
                        sides[users[user]]?.failed += fails ? 1 : 0
                        sides[users[user]]?.touched += fails ? 1 : 0
                    }
                    sides[true]?.windows = 1
                    sides[false]?.windows = 1
                }
                judgement.absorb(
                    Interval(
                        at: Promise.start.addingTimeInterval(Double(second)), stable: SideCounts(users: sides[false]),
                        candidate: SideCounts(users: sides[true])))
                if judgement.verdict == .fail { return second <= 30 ? .infinity : Double(second - 30) }
            }
            return nil
        }
        return Figure(
            what: "60 sticky users, all seen before, then 100 % errors at weight 60: most seconds to fail",
            goal: "< 10 s", measured: ends.contains(nil) ? "never" : text(ends.compactMap { $0 }.max() ?? .infinity),
            isMet: ends.allSatisfy { $0 ?? .infinity < 10 })
    }
}

/// A candidate that is as good as stable, and then becomes worse.
struct Jump: Sendable {
    static let requestsMax = 200_000

    /// The candidate's requests before the change.
    var healthy: Int
    var from: Double
    var to: Double
    var weight: Double
    var requestsPerLook = Alertness.requestsPerLook

    struct End: Sendable {
        var own: Double?
        var growthBook: Double?
        var planned: Double?
    }

    /// - Returns: the candidate's requests from the change until each rule fails. Nil if it never fails, or failed
    ///   before.
    func run(_ draws: inout SeededDraws) -> End {
        var traffic = ClumpedTraffic(both: FailureStream(single: from), weight: weight)
        var judgement = Alertness.judgement()
        var rules = [
            SequentialRule(.growthBook(tunedFor: 5_000)),
            SequentialRule(.fivePlannedLooks(over: Double(max(400_000, healthy * 8)))),
        ]
        func absorb(_ look: Interval) {
            if judgement.verdict != .fail { judgement.absorb(look) }
            for index in rules.indices { rules[index].absorb(look) }
        }
        while traffic.toCandidate < healthy { absorb(traffic.look(requestsPerLook, &draws)) }
        let failedBefore = [judgement.verdict == .fail] + rules.map(\.fails)
        traffic.candidate.single = to
        var found: [Double?] = [nil, nil, nil]
        let start = traffic.toCandidate
        while traffic.toCandidate < start + Self.requestsMax {
            absorb(traffic.look(requestsPerLook, &draws))
            for (index, fails) in ([judgement.verdict == .fail] + rules.map(\.fails)).enumerated()
            where fails && !failedBefore[index] && found[index] == nil {
                found[index] = Double(traffic.toCandidate - start)
            }
            if judgement.verdict == .fail, zip(found, failedBefore).allSatisfy({ $0 != nil || $1 }) { break }
        }
        return End(own: found[0], growthBook: found[1], planned: found[2])
    }
}
