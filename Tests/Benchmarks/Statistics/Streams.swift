import Foundation
import TestSupport

/// Seeded streams on all cores.
struct Streams: Sendable {
    /// The streams of a cell have the seeds `cell × 100,000 + 0, 1, 2 …`, so that any of them can be replayed.
    static let seedsPerCell: UInt64 = 100_000

    var count: Int

    func atMost(_ limit: Int) -> Streams { Streams(count: min(count, limit)) }

    /// - Returns: results in the order of the streams.
    func map<Result: Sendable>(
        cell: Int, _ run: @escaping @Sendable (inout SeededDraws) -> Result
    ) async -> [Result] {
        let workers = max(1, ProcessInfo.processInfo.activeProcessorCount)
        let count = count
        return await withTaskGroup(of: [(Int, Result)].self) { group in
            for worker in 0..<workers {
                group.addTask {
                    stride(from: worker, to: count, by: workers).map { index in
                        var draws = SeededDraws(seed: UInt64(cell) * Self.seedsPerCell + UInt64(index))
                        return (index, run(&draws))
                    }
                }
            }
            let all = await group.reduce(into: []) { $0 += $1 }
            return all.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
