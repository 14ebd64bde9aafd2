import Analysis
import Foundation
import ModelManifests
import TestSupport

/// Candidates that are equal to stable, or exactly at the tolerance, over 400,000 requests: the share that is rolled
/// back.
enum FalseRollbacks {
    static let horizon = 400_000
    static let looks = Looks.geometric(first: 100, ratio: 1.05, last: horizon)
    static let ratios = [1, 1 + Promise.tolerance]

    static func run(_ streams: Streams, firstCell: Int) async -> [Figure] {
        var figures: [Figure] = []
        var cell = firstCell
        for rate in [0.001, 0.01, 0.05, 0.2] {
            for weight in [0.01, 0.05, 0.25, 0.5] {
                figures.append(
                    await row("\(percent(rate)) errors, weight \(percent(weight))", streams, &cell) { ratio, draws in
                        var judgement = Promise.judgement()
                        let path = RatePath.steady(weight: weight, stable: rate, candidate: ratio * rate)
                        return judgement.watch(path, looks, &draws).failed != nil
                    })
            }
        }
        figures.append(
            await row("weight 5 → 50 % while errors go 0.5 → 3 %, 200 even looks", streams, &cell) { ratio, draws in
                var judgement = Promise.judgement()
                let rate: @Sendable (Double) -> Double = { 0.005 + 0.025 * $0 }
                let path = RatePath(
                    weight: { 0.05 + 0.45 * $0 }, stable: rate, candidate: { ratio * rate($0) })
                return judgement.watch(path, .even(every: 2_000, last: horizon), &draws).failed != nil
            })
        figures.append(
            await row("four gates at once, weight 25 %", streams, &cell) { ratio, draws in
                FourGates(ratio: ratio).isRolledBack(looks, &draws)
            })
        return figures + (await stickyUsers(streams, &cell))
    }

    /// One row: equal, and at the tolerance.
    private static func row(
        _ what: String, _ streams: Streams, _ cell: inout Int,
        _ isRolledBack: @escaping @Sendable (Double, inout SeededDraws) -> Bool
    ) async -> Figure {
        var shares: [Double] = []
        for ratio in ratios {
            shares.append(await streams.map(cell: cell) { isRolledBack(ratio, &$0) }.share)
            cell += 1
        }
        return figure("healthy: \(what)", shares, streams)
    }

    private static func figure(_ what: String, _ shares: [Double], _ streams: Streams, peer: String = "") -> Figure {
        let most = Promise.mostWithin(Promise.falseRollbackRate, of: streams.count)
        return Figure(
            what: what, goal: "rolled back ≤ \(percent(Promise.falseRollbackRate))",
            measured: "equal \(percent(shares[0])), at tolerance \(percent(shares[1]))", peer: peer,
            isMet: shares.allSatisfy { $0 * Double(streams.count) <= most })
    }

    private static func stickyUsers(_ streams: Streams, _ cell: inout Int) async -> [Figure] {
        var shares: [Double] = []
        var pooled = 0.0
        for ratio in ratios {
            let ends = await streams.map(cell: cell) { draws in
                StickyUsers(ratio: ratio).rolledBack(looks, &draws)
            }
            shares.append(ends.map(\.byUsers).share)
            if ratio == 1 { pooled = ends.map(\.byRequests).share }
            cell += 1
        }
        return [
            figure(
                "healthy: sticky users with heavy tails, weight 25 %", shares, streams,
                peer: "all their requests counted, equal: \(percent(pooled))")
        ]
    }
}

/// Errors, rejections, slowness and the p99, independent of each other. Over stable's p95 the candidate's share is
/// larger by the same factor as its errors.
struct FourGates: Sendable {
    static let metrics: [CompareGate.Metric] = [.errors, .rejected, .slow, .latencyP99]
    static let errorRate = 0.01
    static let rejectedRate = 0.03
    static let weight = 0.25
    /// The proxy's edges around a median of 20 ms.
    static let latency = LatencyShares(medianSeconds: 0.02, sigma: 0.6)

    var ratio: Double

    func isRolledBack(_ looks: Looks, _ draws: inout SeededDraws) -> Bool {
        var judgement = Promise.judgement(Self.metrics)
        let slower = Self.latency.withTail(over: 0.95, times: ratio)
        let path = RatePath.steady(
            weight: Self.weight, stable: Self.errorRate, candidate: ratio * Self.errorRate)
        var traffic = ErrorTraffic(path, horizon: looks.totals.last ?? 1)
        for total in looks.totals {
            var interval = traffic.advance(to: total, &draws)
            interval.stable.rejected = draws.binomial(interval.stable.requests, Self.rejectedRate)
            interval.candidate.rejected = draws.binomial(interval.candidate.requests, ratio * Self.rejectedRate)
            Self.latency.fill(&interval.stable, &draws)
            slower.fill(&interval.candidate, &draws)
            judgement.absorb(interval)
            if judgement.verdict == .fail { return true }
        }
        return false
    }
}

/// Users whose numbers of requests have a heavy tail. One in twenty users has an error in one of five requests. The
/// unit is the user: the proxy counts the first request of each.
struct StickyUsers: Sendable {
    static let weight = 0.25
    static let unluckyShare = 0.05
    static let unluckyRate = 0.2
    static let tail = 1.2
    static let mostRequests = 10_000

    var ratio: Double

    struct End: Sendable {
        var byUsers: Bool
        var byRequests: Bool
    }

    /// - Parameter looks: by requests.
    func rolledBack(_ looks: Looks, _ draws: inout SeededDraws) -> End {
        var byUsers = Promise.judgement()
        var byRequests = Promise.judgement()
        var total = 0
        for look in looks.totals {
            var users = Interval(at: Promise.start, stable: SideCounts(), candidate: SideCounts())
            var requests = users
            while total < look {
                let isCandidate = draws.uniform() < Self.weight
                let count = draws.pareto(shape: Self.tail, limit: Self.mostRequests)
                let isUnlucky = draws.uniform() < Self.unluckyShare
                let rate = isUnlucky ? Self.unluckyRate * (isCandidate ? ratio : 1) : 0
                let isFirstBad = isUnlucky && draws.uniform() < rate
                let errors = (isFirstBad ? 1 : 0) + draws.binomial(count - 1, rate)
                let side: WritableKeyPath<Interval, SideCounts> = isCandidate ? \.candidate : \.stable
                users[keyPath: side].requests += 1
                users[keyPath: side].errors += isFirstBad ? 1 : 0
                requests[keyPath: side].requests += count
                requests[keyPath: side].errors += errors
                total += count
            }
            byUsers.absorb(users)
            byRequests.absorb(requests)
        }
        return End(byUsers: byUsers.verdict == .fail, byRequests: byRequests.verdict == .fail)
    }
}
