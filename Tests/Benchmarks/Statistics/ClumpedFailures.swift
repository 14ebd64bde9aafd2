import Analysis
import ModelManifests
import RealModule
import TestSupport

/// Equal versions whose failures come together, or whose common rate changes: the share that is rolled back. And
/// versions at the pass margin: the share that passes.
///
/// Each row with clumps appears twice: with the proxy's counters, which know what failed together, and with a source
/// that only counts. For the second there is no guarantee until the source has shown how failures spread.
enum ClumpedFailures {
    static let looks = 8_000

    private typealias Row = (what: String, stream: FailureStream, weights: [Double], counted: ClumpedTraffic.Counted)

    private static let rows: [Row] =
        [3, 5, 10].map { ("1 % errors in clumps of \($0)", .clumps(of: $0, rate: 0.01), [0.1, 0.5], .errors) } + [
            (
                "0.5 % errors, and restarts that lose 20 to 60 requests once in 4,000",
                FailureStream(single: 0.005, event: 1.0 / 4_000, eventSizes: 20...60, atOnce: false), [0.1, 0.5],
                .errors
            ),
            (
                "1 % errors, and restarts that lose 20 to 60 requests once in 20,000",
                FailureStream(single: 0.01, event: 1.0 / 20_000, eventSizes: 20...60, atOnce: false), [0.1, 0.5],
                .errors
            ),
            ("5 % slow by stalls of 8", .clumps(of: 8, rate: 0.05), [0.1, 0.5], .slow),
            (
                "3 % slow, and 2 % by stalls of 8", FailureStream(single: 0.03, event: 0.02 / 8, eventSizes: 8...8),
                [0.1, 0.5], .slow
            ),
        ]

    /// Equal versions, worst first; then those at the pass margin.
    static func run(_ streams: Streams, firstCell: Int) async -> [Figure] {
        var cell = firstCell
        var rolledBack: [(share: Double, figure: Figure)] = []
        for row in rows {
            for weight in row.weights {
                for tells in [true, false] {
                    rolledBack.append(await equal(row, weight: weight, tells: tells, streams, cell))
                }
                cell += 1
            }
        }
        for base in MovingBase.allCases {
            for weight in [0.1, 0.5] {
                let ends = await streams.map(cell: cell) { base.isRolledBack(weight: weight, &$0) }
                rolledBack.append(
                    figure("\(base.rawValue), weight \(percent(weight))", ends.share, peer: "", promised: true, streams)
                )
                cell += 1
            }
        }
        var figures = rolledBack.sorted { $0.share > $1.share }.map(\.figure)
        for size in [1, 3, 5, 10] {
            figures.append(await passes(size, streams, cell))
            cell += 1
        }
        return figures
    }

    private static func equal(
        _ row: Row, weight: Double, tells: Bool, _ streams: Streams, _ cell: Int
    ) async -> (Double, Figure) {
        let (stream, counted) = (row.stream, row.counted)
        let ends = await streams.map(cell: cell) { draws -> [Bool] in
            var traffic = ClumpedTraffic(both: stream, weight: weight, counted: counted, tells: tells)
            var judgement = Promise.judgement(of: [GateSpec(name: "gate", kind: .compare(gate(counted)))])
            var others = [
                SequentialRule(.growthBook(tunedFor: 5_000)),
                SequentialRule(.fivePlannedLooks(over: Double(looks * Alertness.requestsPerLook))),
            ]
            for _ in 0..<looks {
                let look = traffic.look(Alertness.requestsPerLook, &draws)
                judgement.absorb(look)
                for index in others.indices where counted == .errors { others[index].absorb(look) }
            }
            return [judgement.verdict == .fail] + others.map(\.fails)
        }
        let peer =
            counted == .slow
            ? ""
            : "GrowthBook \(percent(ends.map { $0[1] }.share)), five planned looks \(percent(ends.map { $0[2] }.share))"
        return figure(
            "\(row.what), weight \(percent(weight))" + (tells ? "" : ", a source that only counts"),
            ends.map { $0[0] }.share, peer: peer, promised: tells, streams)
    }

    private static func gate(_ counted: ClumpedTraffic.Counted) -> CompareGate {
        counted == .errors ? CompareGate(metric: .errors) : CompareGate(metric: .slow, slowerThan: .milliseconds(100))
    }

    private static func figure(
        _ what: String, _ share: Double, peer: String, promised: Bool, _ streams: Streams
    ) -> (Double, Figure) {
        let most = Promise.mostWithin(Promise.falseRollbackRate, of: streams.count)
        return (
            share,
            Figure(
                what: "equal: \(what)", goal: promised ? "rolled back ≤ 1 %" : "no promise", measured: percent(share),
                peer: peer, isMet: !promised || share * Double(streams.count) <= most)
        )
    }

    /// Stable has 1 % errors and the candidate 1.5 %, both in clumps of one size.
    private static func passes(_ size: Int, _ streams: Streams, _ cell: Int) async -> Figure {
        let ends = await streams.map(cell: cell) { draws -> Bool in
            var traffic = ClumpedTraffic(both: .clumps(of: size, rate: 0.01), weight: 0.25)
            traffic.candidate = .clumps(of: size, rate: Promise.rateAtPassMargin(0.01))
            // A tolerance so large that no failure ends a stream before it could pass.
            var judgement = Promise.judgement(of: [
                GateSpec(name: "gate", kind: .compare(CompareGate(metric: .errors, maxRelativeIncrease: 100)))
            ])
            for _ in 0..<(looks / 2) where judgement.verdict != .pass {
                judgement.absorb(traffic.look(Alertness.requestsPerLook, &draws))
            }
            return judgement.verdict == .pass
        }
        let most = Promise.mostWithin(Promise.missedRegressionRate, of: streams.count)
        return Figure(
            what: "at the pass margin: 1 → 1.5 % errors" + (size > 1 ? " in clumps of \(size)" : "") + ", weight 25 %",
            goal: "passed ≤ 5 %", measured: percent(ends.share), isMet: ends.share * Double(streams.count) <= most)
    }
}

/// What happens to both sides alike.
enum MovingBase: String, CaseIterable, Sendable {
    case outage = "a shared outage of 100 looks, 40 % errors, at every 2,000"
    case withWeight = "weight 5 → 50 % while errors go 0.5 → 3 %"
    case day = "a day's cycle three times, 0.1 to 1.9 % errors"

    func isRolledBack(weight: Double, _ draws: inout SeededDraws) -> Bool {
        var traffic = ClumpedTraffic(both: FailureStream(single: 0.01), weight: weight)
        var judgement = Promise.judgement()
        let looks = ClumpedFailures.looks
        for look in 0..<looks where judgement.verdict != .fail {
            let part = Double(look) / Double(looks)
            let rate: Double
            switch self {
            case .outage: rate = (1_000..<1_100).contains(look % 2_000) ? 0.4 : 0.01
            case .withWeight:
                rate = 0.005 + 0.025 * part
                traffic.weight = 0.05 + 0.45 * part
            case .day: rate = 0.01 * (1 + 0.9 * .sin(6 * .pi * part))
            }
            (traffic.stable.single, traffic.candidate.single) = (rate, rate)
            judgement.absorb(traffic.look(Alertness.requestsPerLook, &draws))
        }
        return judgement.verdict == .fail
    }
}
