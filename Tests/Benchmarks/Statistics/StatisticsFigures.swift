import Foundation

/// The figures of mlctl's statistics: whether each guarantee holds, how soon verdicts come, and what they cost.
struct StatisticsFigures: Sendable {
    /// The streams of each cell.
    var streams: Int

    func run() async throws -> [Figure] {
        let streams = Streams(count: streams)
        print(
            "\(streams.count) streams per cell; stream i of cell c has the seed c × \(Streams.seedsPerCell) + i; "
                + "looks at geometric times unless stated otherwise")
        var figures: [Figure] = []
        figures += await part("clumps and alertness, cells 7000…") {
            await Alertness.run(streams, firstCell: 7000)
        }
        figures += await part("slices of the traffic, cells 8000…") {
            await SlicedTraffic.run(streams.atMost(200), firstCell: 8000)
        }
        figures += await part("healthy candidates, cells 1000…") {
            await FalseRollbacks.run(streams, firstCell: 1000)
        }
        figures += await part("equal ones pass, cells 2000…") {
            await TimesToDecide.passes(streams, firstCell: 2000)
        }
        figures += await part("at the pass margin, cells 3000…") {
            await TimesToDecide.missedRegressions(streams, firstCell: 3000)
        }
        figures += await part("bad ones fail, cells 4000…") {
            await TimesToDecide.failures(streams, firstCell: 4000)
        }
        figures += await part("the neighbours' rules, cells 5000…") {
            await PeerComparison.run(streams, firstCell: 5000)
        }
        figures += try await part("the cost of a look, cell 6000") { try CostOfALook.run(cell: 6000) }
        return figures
    }

    private func part(_ what: String, _ run: () async throws -> [Figure]) async rethrows -> [Figure] {
        let start = ContinuousClock.now
        let figures = try await run()
        print("  \(what): \(text((ContinuousClock.now - start) / .seconds(1), 1)) s")
        fflush(nil)
        return figures
    }
}
