import Analysis
import ControlPorts

/// The requests of both sides since a rollout began, at one time.
struct TrafficPoint: Equatable, Sendable {
    /// Seconds since the rollout began.
    var t: Double
    var stable: Int
    var candidate: Int
    var stableFailed: Int
    var candidateFailed: Int

    init(_ reading: RecordedReading) {
        t = reading.t
        (stable, stableFailed) = reading.stable.traffic
        (candidate, candidateFailed) = reading.candidate.traffic
    }

    init(t: Double, stable: Int, candidate: Int, stableFailed: Int = 0, candidateFailed: Int = 0) {
        self.t = t
        self.stable = stable
        self.candidate = candidate
        self.stableFailed = stableFailed
        self.candidateFailed = candidateFailed
    }
}

/// The points of a rollout, of one source. Bounded: beyond `most`, every second one is dropped. Counts are cumulative, so that
/// loses nothing but the time between.
package struct TrafficPoints: Equatable, Sendable {
    static let most = 800

    private(set) var points: [TrafficPoint] = []
    private var source: String?

    package init() {}

    /// - Parameter readings: those after the last ones, in order.
    package mutating func absorb(_ readings: [RecordedReading]) {
        for reading in readings {
            let point = TrafficPoint(reading)
            // What stable counted before the rollout has a source of its own, without a candidate.
            if source == nil, point.candidate > 0 { source = reading.source }
            guard reading.source == source, point.t >= points.last?.t ?? 0 else { continue }
            points.append(point)
            if points.count > Self.most {
                points = points.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            }
        }
    }
}

extension SideCounts {
    /// All requests and the failed ones. With sticky users `requests` counts each user's first request only.
    fileprivate var traffic: (all: Int, failed: Int) {
        (every?.requests ?? requests, every?.errors ?? errors)
    }
}
