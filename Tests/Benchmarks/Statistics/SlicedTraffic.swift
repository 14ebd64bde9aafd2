import Analysis
import Foundation
import ModelManifests
import TestSupport

/// Gates that are also judged on slices of the traffic: whether the guarantee holds over all slices, and how soon a
/// regression in a small slice is found, compared with a gate that knows which slice.
///
/// The gate that knows is the same gate over that slice's requests alone. It is there twice: with the full rate of a
/// gate, and with half of it, as beside a gate for the whole traffic.
enum SlicedTraffic {
    private static let requestsPerLook = 50
    private static let weight = 0.25

    static func run(_ streams: Streams, firstCell: Int) async -> [Figure] {
        await [
            promise(streams.atMost(200), "single errors", FailureStream(single: 0.01), firstCell),
            promise(streams.atMost(200), "errors in clumps of 5", .clumps(of: 5, rate: 0.01), firstCell + 1),
            found(streams, values: 4, share: 0.02, to: 0.10, firstCell + 10),
            found(streams, values: 20, share: 0.02, to: 0.10, firstCell + 11),
            found(streams.atMost(100), values: 20, share: 0.02, to: 0.30, firstCell + 12),
            // A small regression in much of the traffic is found by the whole.
            found(streams.atMost(50), values: 20, share: 0.20, to: 0.03, isPromised: false, firstCell + 13),
            later(streams.atMost(50), firstCell + 20),
        ]
    }

    /// A gate with the rate of one of two gates.
    private static func judgement(_ slices: Int, rate: Double = 0.005) -> Judgement {
        Judgement(
            gates: [GateSpec(name: "gate", kind: .compare(CompareGate(metric: .errors)))], falseRollbackRate: rate,
            missedRegressionRate: Promise.missedRegressionRate, startedAt: Promise.start,
            slices: slices > 0 ? [TrafficSlice(name: "s", key: .header("x-s"), values: .top(slices))] : [])
    }

    private static func promise(
        _ streams: Streams, _ what: String, _ both: FailureStream, _ cell: Int
    ) async -> Figure {
        let rate = 0.05
        let failed = await streams.map(cell: cell) { draws -> Bool in
            var traffic = SlicedStream(
                shares: SlicedStream.shares(one: 0.02, of: 20), weight: weight, both: both,
                seed: UInt64(draws.uniform() * 1e15))
            var judgement = judgement(20, rate: rate)
            for look in 0..<1_000 {
                judgement.absorb(traffic.look(requestsPerLook).interval(look))
                if judgement.verdict == .fail { return true }
            }
            return false
        }
        return Figure(
            what: "equal versions, 20 slices, \(what), 50,000 requests: rolled back",
            goal: "≤ \(percent(rate * (1 - Judgement.reservedShare)))", measured: percent(failed.share),
            isMet: failed.share <= rate * (1 - Judgement.reservedShare))
    }

    private struct Ends: Sendable {
        var own: Double?
        var told: Double?
        var toldBeside: Double?
    }

    private static func found(
        _ streams: Streams, values: Int, share: Double, to rate: Double, isPromised: Bool = true, _ cell: Int
    ) async
        -> Figure
    {
        let ends = await streams.map(cell: cell) { race(values: values, share: share, to: rate, healthyLooks: 0, &$0) }
        let told = mean(ends.map(\.told))
        let toldBeside = mean(ends.map(\.toldBeside))
        let own = mean(ends.map(\.own))
        return Figure(
            what:
                "1 → \(percent(rate)) in \(percent(share)) of the traffic, \(values) slices: mean of its requests to fail",
            goal: isPromised ? "≤ 1.3 of a gate that was told which, beside one of the whole" : "no promise",
            measured: "\(text(own / toldBeside, 2)): \(text(own)) of the candidate's",
            peer: "told \(text(toldBeside)), told and alone \(text(told)) (\(text(own / told, 2)))",
            isMet: own <= 1.3 * toldBeside || !isPromised)
    }

    private static func later(_ streams: Streams, _ cell: Int) async -> Figure {
        let ends = await streams.map(cell: cell) {
            race(values: 4, share: 0.02, to: 0.10, healthyLooks: 4_000, &$0).own
        }
        return Figure(
            what: "the same among 4 slices after 50,000 healthy requests of the candidate: mean",
            goal: "≤ 250 of the slice's", measured: text(mean(ends)), isMet: mean(ends) <= 250)
    }

    private static func mean(_ ends: [Double?]) -> Double {
        ends.reduce(0) { $0 + ($1 ?? .infinity) } / Double(max(1, ends.count))
    }

    private static func race(
        values: Int, share: Double, to rate: Double, healthyLooks: Int, _ draws: inout SeededDraws
    ) -> Ends {
        var traffic = SlicedStream(
            shares: SlicedStream.shares(one: share, of: values), weight: weight, both: FailureStream(single: 0.01),
            seed: UInt64(draws.uniform() * 1e15))
        var (own, told, toldBeside) = (judgement(values), judgement(0), judgement(0, rate: 0.0025))
        var ends = Ends()
        var requests = 0.0
        for look in 0..<200_000 where requests < 10_000 {
            if look == healthyLooks { traffic.candidate[0].single = rate }
            let found = traffic.look(requestsPerLook)
            if look >= healthyLooks { requests += Double(found.candidate[0].requests) }
            if ends.own == nil {
                own.absorb(found.interval(look))
                if own.verdict == .fail { ends.own = requests }
            }
            if ends.told == nil {
                told.absorb(found.interval(look, of: 0))
                if told.verdict == .fail { ends.told = requests }
            }
            if ends.toldBeside == nil {
                toldBeside.absorb(found.interval(look, of: 0))
                if toldBeside.verdict == .fail { ends.toldBeside = requests }
            }
            if ends.own != nil, ends.told != nil, ends.toldBeside != nil { break }
        }
        return ends
    }
}

extension SlicedStream.Look {
    /// - Parameter slice: nil means all requests, counted by slice.
    fileprivate func interval(_ look: Int, of slice: Int? = nil) -> Interval {
        func counts(_ sides: [SlicedStream.Side]) -> SideCounts {
            if let slice {
                return SideCounts(
                    requests: sides[slice].requests, errors: sides[slice].failures,
                    errorsTogether: sides[slice].together)
            }
            return SideCounts(
                requests: sides.reduce(0) { $0 + $1.requests }, errors: sides.reduce(0) { $0 + $1.failures },
                errorsTogether: sides.reduce(0) { $0 + $1.together },
                slices: Dictionary(
                    uniqueKeysWithValues: sides.enumerated().map {
                        (
                            "s=\($0)",
                            SliceCounts(requests: $1.requests, errors: $1.failures, errorsTogether: $1.together)
                        )
                    }))
        }
        return Interval(
            at: Promise.start.addingTimeInterval(Double(look + 1)), stable: counts(stable), candidate: counts(candidate)
        )
    }
}
