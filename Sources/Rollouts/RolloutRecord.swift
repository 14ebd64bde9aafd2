import Analysis
import Foundation
import ModelManifests

/// Reads and writes a state as bytes, and reads every older format. Tests keep a fixture of each format.
package enum RolloutRecord {
    /// Why this version cannot read the bytes as a record. Their content may be valid, so the record must not be
    /// overwritten.
    package enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// Written by a newer version.
        case newerFormat(Int)
        case unreadable(String)

        package var description: String {
            switch self {
            case .newerFormat(let format):
                "it has format \(format), but this version of mlctl reads formats up to \(RolloutState.currentFormat)"
            case .unreadable(let reason): "it is not a record of a format that this version of mlctl knows (\(reason))"
            }
        }
    }

    package static func encode(_ state: RolloutState) throws -> Data { try JSONEncoder().encode(state) }

    /// Converts older formats to the current one.
    package static func decode(_ data: Data) throws(Failure) -> RolloutState {
        do {
            let decoder = JSONDecoder()
            switch try decoder.decode(FormatOnly.self, from: data).format {
            case 1: return try RolloutState(decoder.decode(RecordFormat1.self, from: data))
            case RolloutState.currentFormat: return try decoder.decode(RolloutState.self, from: data)
            case let format where format > RolloutState.currentFormat: throw Failure.newerFormat(format)
            case let format: throw Failure.unreadable("format \(format) does not exist")
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw .unreadable(Self.words(error))
        }
    }

    private struct FormatOnly: Decodable {
        var format: Int
    }

    private static func words(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        let (path, reason): ([any CodingKey], String) =
            switch error {
            case .dataCorrupted(let context), .keyNotFound(_, let context), .typeMismatch(_, let context),
                .valueNotFound(_, let context):
                (context.codingPath, context.debugDescription)
            @unknown default: ([], "\(error)")
            }
        let place = path.map(\.stringValue).joined(separator: ".")
        return place.isEmpty ? reason : "\(place): \(reason)"
    }
}

/// Format 1: the phase was stored, beside optional fields that only some phases used.
struct RecordFormat1: Decodable {
    var phase: Phase
    var since: Date
    var message: String
    var placedAt: Target?
    var heldBack: String?
    var settings: ModelDeployment
    var commit: String
    var stable: DeployedRevision?
    var rollout: OldRollout?
    var quarantined: [Quarantine]
    var history: [HistoryRecord]
    var isSuspended: Bool
    var isRemoved: Bool
    var waitsFor: [String]
    var decidedAt: Date

    struct OldRollout: Decodable {
        var candidate: DeployedRevision
        var purpose: Rollout.Purpose
        var strategy: RolloutSpec.Strategy
        var room: Rollout.CapacityMode
        var stepIndex: Int
        var stepStartedAt: Date
        var isStepApproved: Bool
        var weight: Int
        var mirror: Int
        var hasBegunSteps: Bool
        var hold: Rollout.Hold?
        var progressSpent: Duration
        var judgement: Judgement
        var ledgers: [String: EvidenceLedger]
        var counterTurns: [String: Rollout.CounterPoll]
        var announced: [String: Verdict]
        var overriddenGates: [String]
        var withdrawal: OldWithdrawal?
    }

    struct OldWithdrawal: Decodable {
        var reason: String
        var outcome: HistoryRecord.Outcome
        var quarantines: Bool
        var actor: String?
    }
}

extension RolloutState {
    init(_ old: RecordFormat1) {
        self.init(deployment: old.settings, commit: old.commit, now: old.since)
        message = old.message
        if let placedAt = old.placedAt { target = placedAt }
        heldBack = old.heldBack
        stable = old.stable
        quarantined = old.quarantined
        history = old.history
        isSuspended = old.isSuspended
        waitsFor = old.waitsFor
        decidedAt = old.decidedAt
        if old.isRemoved {
            course = .removing
        } else if let rollout = old.rollout {
            course = .rollingOut(Rollout(rollout, old))
        } else if old.phase == .idle, old.stable == nil {
            course = .idle
        } else {
            let isHeldOff =
                old.phase == .rolledBack || old.quarantined.contains { $0.revision == settings.template.revision }
            course = .resting(
                RestingState(setback: isHeldOff ? RestingState.HeldBackReason(reason: old.message, version: nil) : nil))
            if old.phase == .failed {
                shortage = Shortage(kind: .cannotServe, since: old.since, reason: old.message, isTold: true)
            }
        }
    }
}

extension Rollout {
    fileprivate init(_ old: RecordFormat1.OldRollout, _ record: RecordFormat1) {
        self.init(
            candidate: old.candidate, purpose: old.purpose, settings: record.settings, gates: [], now: record.since)
        strategy = old.strategy
        room = old.room
        hold = old.hold
        progressSpent = old.progressSpent
        judgement = old.judgement
        ledgers = old.ledgers
        counterTurns = old.counterTurns
        announced = old.announced
        overriddenGates = old.overriddenGates
        switch record.phase {
        case .promoting: stage = .promoting
        case .probation: stage = .probation(OnProbation(begunAt: old.stepStartedAt, weight: old.weight))
        case .rollingBack:
            let withdrawal = old.withdrawal
            stage = .rollingBack(
                RollingBack(
                    reason: withdrawal?.reason ?? record.message, outcome: withdrawal?.outcome ?? .rolledBack,
                    quarantines: withdrawal?.quarantines ?? false, actor: withdrawal?.actor))
        case .progressing, .paused, .preparing, .idle, .healthy, .degraded, .rolledBack, .failed:
            guard old.hasBegunSteps else { break }
            let marks = record.settings.rollout.marks
            var stepping = Stepping(begunAt: old.stepStartedAt)
            stepping.done = Array(marks.prefix(old.stepIndex))
            stepping.current = old.stepIndex < marks.count ? marks[old.stepIndex] : nil
            stepping.isApproved = old.isStepApproved && stepping.current != nil
            stepping.weight = old.weight
            stepping.mirror = old.mirror
            stage = .stepping(stepping)
        }
    }
}
