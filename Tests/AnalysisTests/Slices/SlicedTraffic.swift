import Foundation
import ModelManifests
import TestSupport

@testable import Analysis

extension SlicedStream.Look {
    /// By the labels of the slice `s`.
    var blocks: [String: RateBlock] {
        Dictionary(
            uniqueKeysWithValues: zip(stable, candidate).enumerated().map { index, sides in
                ("s=\(index)", RateBlock(stable: sides.0.trials, candidate: sides.1.trials))
            })
    }

    func interval(at seconds: Double) -> Interval {
        Interval(
            at: Date(timeIntervalSinceReferenceDate: seconds), stable: Self.counts(stable),
            candidate: Self.counts(candidate))
    }

    private static func counts(_ sides: [SlicedStream.Side]) -> SideCounts {
        var counts = SideCounts(
            requests: sides.reduce(0) { $0 + $1.requests }, errors: sides.reduce(0) { $0 + $1.failures },
            errorsTogether: sides.reduce(0) { $0 + $1.together })
        counts.slices = Dictionary(
            uniqueKeysWithValues: sides.enumerated().map {
                (
                    "s=\($0)",
                    SliceCounts(requests: $1.requests, errors: $1.failures, errorsTogether: $1.together)
                )
            })
        return counts
    }
}

extension SlicedStream.Side {
    fileprivate var trials: Trials {
        Trials(count: Double(requests), successes: Double(failures), together: Double(together))
    }
}

extension TrafficSlice {
    static func top(_ count: Int) -> TrafficSlice { TrafficSlice(name: "s", key: .header("x-s"), values: .top(count)) }
}
