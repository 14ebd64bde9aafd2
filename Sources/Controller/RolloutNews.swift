import Foundation
import ModelManifests
import Rollouts

/// How much of a state differs from another one, and so how soon it has to be written.
enum RolloutNews: Int, Comparable, Sendable {
    /// The time of the look alone: never written.
    case nothing
    /// Time that counts towards a deadline.
    case clock
    /// What gates learnt, without a verdict.
    case evidence
    /// Anything else. Written before it is carried out.
    case decision

    static func < (left: RolloutNews, right: RolloutNews) -> Bool { left.rawValue < right.rawValue }
}

extension RolloutState {
    /// What became known, or was decided, since `before`.
    ///
    /// Evidence that is the same but for how often it was looked at is nothing.
    func news(since before: RolloutState?) -> RolloutNews {
        guard var before else { return .decision }
        before.decidedAt = decidedAt
        guard let now = rollout, let then = before.rollout else { return before == self ? .nothing : .decision }
        before.rollout?.progressSpent = now.progressSpent
        before.rollout?.ledgers = now.ledgers
        before.rollout?.counterTurns = now.counterTurns
        before.rollout?.judgement = now.judgement
        guard before == self, then.verdicts == now.verdicts else { return .decision }
        if then.knowsTheSame(as: now) { return then.progressSpent == now.progressSpent ? .nothing : .clock }
        return .evidence
    }
}

extension Rollout {
    fileprivate struct GateVerdict: Equatable {
        var spec: GateSpec
        var verdict: String
    }

    fileprivate var verdicts: [GateVerdict] {
        judgement.evidence.map { GateVerdict(spec: $0.spec, verdict: $0.verdict.rawValue) }
    }

    fileprivate func knowsTheSame(as other: Rollout) -> Bool {
        // Ledgers also count how often they were looked at. What they add is in the samples.
        Set(ledgers.keys) == Set(other.ledgers.keys) && judgement.startedAt == other.judgement.startedAt
            && judgement.evidence.map(\.samples) == other.judgement.evidence.map(\.samples)
            && counterTurns.mapValues(\.problem) == other.counterTurns.mapValues(\.problem)
    }
}

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
    static func isDue(_ news: RolloutNews, since: Duration, progressDeadline: Duration, inFlight: Int) -> Bool {
        switch news {
        case .nothing: false
        case .clock: since >= clockInterval(progressDeadline)
        case .evidence: since >= max(evidenceInterval, .seconds(1) * inFlight / evidenceWritesPerSecond)
        case .decision: true
        }
    }
}
