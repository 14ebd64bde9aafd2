import Foundation

/// One measured figure with its goal.
struct Figure: Sendable {
    var what: String
    var goal: String
    var measured: String
    var peer = ""
    var isMet: Bool

    static func table(_ figures: [Figure]) -> String {
        let header = ["what", "goal", "measured", "peer, same run", ""]
        let rows = [header] + figures.map { [$0.what, $0.goal, $0.measured, $0.peer, $0.isMet ? "met" : "MISSED"] }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

struct Benchmark: Sendable {
    var name: String
    var run: @Sendable (URL) async throws -> [Figure]

    /// - Parameter streams: the number of streams for each cell of the statistics.
    static func all(streams: Int) -> [Benchmark] {
        [
            Benchmark(name: "proxy", run: ProxyThroughput.run),
            Benchmark(name: "start", run: RolloutTimes.commitToStart),
            Benchmark(name: "abort", run: RolloutTimes.badToRestored),
            Benchmark(name: "kill", run: ControllerKills.run),
            Benchmark(name: "unlucky", run: FailingServers.run),
            Benchmark(name: "manifests", run: TenThousandManifests.run),
            Benchmark(name: "projects", run: HostileProject.run),
            Benchmark(name: "in-flight", run: RolloutsInFlight.run),
            Benchmark(name: "memory", run: IdleController.measure),
            Benchmark(name: "cluster", run: ClusterRates.run),
            Benchmark(name: "cluster-weights", run: ClusterWeights.run),
            Benchmark(name: "cluster-memory", run: ClusterMemory.run),
            Benchmark(name: "simulation", run: SimulatedRollouts.run),
            Benchmark(name: "alertness") { _ in await Alertness.run(Streams(count: streams), firstCell: 7000) },
            Benchmark(name: "slices") { _ in await SlicedTraffic.run(Streams(count: streams), firstCell: 8000) },
            Benchmark(name: "statistics") { _ in try await StatisticsFigures(streams: streams).run() },
        ]
    }
}

struct BenchmarkError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

extension [Double] {
    var median: Double { isEmpty ? .nan : sorted()[count / 2] }
}

extension Duration {
    var ms: Double { self / .milliseconds(1) }
}

func text(_ value: Double, _ digits: Int = 0) -> String { String(format: "%.\(digits)f", value) }
