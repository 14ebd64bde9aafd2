import Foundation
import ModelManifests
import Rollouts

/// When news has to be written.
struct RecordPace: Equatable, Sendable {
    /// Evidence of one deployment, at most this often.
    static let evidenceInterval: Duration = .seconds(5)
    /// Evidence of all deployments of a controller together, at most this many records a second. What is not written yet is
    /// lost to nobody: counters are cumulative, and whoever takes over learns from the last record on.
    static let evidenceWritesPerSecond = 25

    /// While only time passes, it is written down this often: a rollout that loads for an hour is no stream of writes. Who
    /// takes over from a killed controller gives it that much longer, at most.
    static func clockInterval(_ progressDeadline: Duration) -> Duration {
        min(max(progressDeadline / 20, .seconds(10)), .seconds(90))
    }

    /// - Parameters:
    ///   - since: between the record as it is and this state.
    ///   - inFlight: rollouts that the controller has under way.
    static func isDue(_ news: News, since: Duration, progressDeadline: Duration, inFlight: Int) -> Bool {
        switch news {
        case .nothing: false
        case .clock: since >= clockInterval(progressDeadline)
        case .evidence: since >= max(evidenceInterval, .seconds(1) * inFlight / evidenceWritesPerSecond)
        case .decision: true
        }
    }
}
