import Foundation
import ModelManifests
import Rollouts

/// Decides when a changed state must be written.
struct RecordWriteSchedule: Equatable, Sendable {
    /// The minimum time between two writes of evidence, per deployment.
    static let evidenceInterval: Duration = .seconds(5)
    /// The maximum rate of evidence records for all deployments of a controller together. Nothing is lost if a record is not
    /// written yet: counters are cumulative, so another controller continues from the last record.
    static let evidenceWritesPerSecond = 25

    /// The time between two writes while only time passes, so that a rollout that loads for an hour does not cause a stream of
    /// writes. If the controller is killed, its successor gives the rollout at most this much more time.
    static func clockInterval(_ progressDeadline: Duration) -> Duration {
        min(max(progressDeadline / 20, .seconds(10)), .seconds(90))
    }

    /// - Parameters:
    ///   - since: the time between the stored record and this state.
    ///   - inFlight: the number of rollouts in flight.
    static func isDue(_ news: WriteUrgency, since: Duration, progressDeadline: Duration, inFlight: Int) -> Bool {
        switch news {
        case .nothing: false
        case .clock: since >= clockInterval(progressDeadline)
        case .evidence: since >= max(evidenceInterval, .seconds(1) * inFlight / evidenceWritesPerSecond)
        case .decision: true
        }
    }
}
