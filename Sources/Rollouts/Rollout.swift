import Analysis
import Foundation
import ModelManifests

/// A rollout in flight: its candidate, how far it has come, and the evidence so far.
package struct Rollout: Codable, Equatable, Sendable {
    package enum Purpose: String, Codable, Sendable {
        /// A new template from git, evaluated step by step.
        case release
        /// There is no stable revision to compare with: steps and comparing gates are skipped.
        case first
        /// An operator asked for an earlier revision: it takes over as soon as it is ready.
        case restore
    }

    /// How the candidate gets the capacity for its instances.
    package enum CapacityMode: String, Codable, Sendable {
        /// In addition to stable's instances.
        case surge
        /// One instance of stable stops for each instance of the candidate that starts.
        case drain
        /// Stable stops before the candidate starts.
        case recreate

        package init(_ settings: ModelDeployment) {
            let spec = settings.rollout
            if spec.strategy == .recreate || (spec.capacity == .drainThenLoad && settings.replicas == 1) {
                self = .recreate
            } else {
                self = spec.capacity == .drainThenLoad ? .drain : .surge
            }
        }
    }

    /// Why a rollout is held, in addition to what its step waits for.
    package indirect enum Hold: Codable, Equatable, Sendable {
        case byOperator(String?)
        /// The deadline passed without enough data. Ends by itself when all gates pass.
        case insufficientEvidence
        /// A gate failed, with `onFailure: pause`.
        case gateFailed(String)
        /// The candidate was not available for too long, with `onFailure: pause`.
        case unavailable(String)
        /// The data plane did not confirm the candidate's share in time. Ends by itself when it does.
        case trafficUnconfirmed
        /// The steps were edited after the last one was done, and the new list has steps that were never passed.
        case stepsEdited
        /// Requests are not split as requested, or too many requests of one side are missing from the evidence. Nothing
        /// can be compared.
        case splitMismatch(String)
        /// The project's policy forbids the candidate since it became stricter: the rule and where. What held the rollout
        /// beside that holds it again once the policy allows it.
        case outsidePolicy(String, beside: Hold?)

        /// Whether the hold was neither requested by a person nor caused by a failure.
        var isStuck: Bool {
            switch self {
            case .insufficientEvidence, .trafficUnconfirmed, .splitMismatch: true
            case .byOperator, .gateFailed, .unavailable, .stepsEdited, .outsidePolicy: false
            }
        }

        /// Whether the hold only ends when a person acts.
        package var needsPerson: Bool {
            switch self {
            case .byOperator, .gateFailed, .unavailable, .stepsEdited, .splitMismatch, .outsidePolicy: true
            case .insufficientEvidence, .trafficUnconfirmed: false
            }
        }
    }

    package internal(set) var candidate: DeployedRevision
    package internal(set) var purpose: Purpose
    /// As of the start: a change of the strategy in the manifest takes effect with the next rollout.
    package internal(set) var strategy: RolloutSpec.Strategy
    package internal(set) var room: CapacityMode
    package internal(set) var stage: Stage
    package internal(set) var hold: Hold?
    /// Time that counts towards the progress deadline. Pauses and approvals do not count.
    package internal(set) var progressSpent: Duration
    /// Time that counts towards the limit of a stage that has its own.
    package internal(set) var stageSpent: Duration
    package internal(set) var judgement: Judgement
    package internal(set) var availability: AvailabilityLog
    /// By metric source.
    package internal(set) var ledgers: [String: EvidenceLedger]
    /// The sources that are polled for counters, and the state of each poll.
    package internal(set) var counterTurns: [String: CounterPoll]
    /// Gates whose verdict was already recorded as an event, with that verdict.
    package internal(set) var announced: [String: Verdict]
    /// Gates that failed and that an operator overrode.
    package internal(set) var overriddenGates: [String]
    /// Whether requests are split as requested. Nil before any were, and in older records.
    var split: SplitWatch?
    /// Whose servers end, and how often; nil before any was seen, and in records of before.
    var crashes: CrashWatch?
    /// The self-check, which compares stable with itself. Nil if this rollout has none, and in older records.
    var selfCheck: SelfCheck?
    /// An operator let it continue although not all of its instances are ready.
    package internal(set) var isForced: Bool

    /// The state of polling one source.
    package struct CounterPoll: Codable, Equatable, Sendable {
        package var ordinal = 1
        package var dueAt: Date
        /// Why the last poll failed.
        package var problem: String?
    }

    /// Whether it is being promoted or on probation, without a hold that only `promote` ends.
    var isPastItsSteps: Bool {
        switch stage {
        case .preparing, .stepping, .rollingBack: return false
        case .promoting, .probation: break
        }
        switch hold {
        case nil, .byOperator?, .insufficientEvidence?, .trafficUnconfirmed?: return true
        case .gateFailed?, .unavailable?, .splitMismatch?, .stepsEdited?, .outsidePolicy?: return false
        }
    }

    init(
        candidate: DeployedRevision, purpose: Purpose, settings: ModelDeployment, gates: [GateSpec], now: Date
    ) {
        self.candidate = candidate
        self.purpose = purpose
        strategy = settings.rollout.strategy
        room = CapacityMode(settings)
        stage = .preparing(Preparing())
        hold = nil
        progressSpent = .zero
        stageSpent = .zero
        judgement = Judgement(
            gates: gates, falseRollbackRate: settings.rollout.falseRollbackRate,
            missedRegressionRate: settings.rollout.missedRegressionRate, startedAt: now,
            slices: settings.endpoint.slices)
        availability = AvailabilityLog()
        ledgers = [:]
        counterTurns = [:]
        announced = [:]
        overriddenGates = []
        isForced = false
        if purpose == .release {
            selfCheck = SelfCheck(judgement, of: candidate, share: settings.rollout.selfCheckShare)
        }
    }

    package var phase: Phase {
        switch stage {
        case .rollingBack: .rollingBack
        case _ where hold != nil: .paused
        case .preparing: .preparing
        case .stepping(let stepping): stepping.isPausing ? .paused : .progressing
        case .promoting: .promoting
        case .probation: .probation
        }
    }
}

/// How far a rollout has come, with the data of that stage.
package enum Stage: Codable, Equatable, Sendable {
    case preparing(Preparing)
    case stepping(Stepping)
    case promoting
    case probation(OnProbation)
    case rollingBack(RollingBack)
}

/// The candidate loads, and gates that need no traffic evaluate it.
package struct Preparing: Codable, Equatable, Sendable {
    /// All of its instances are ready; it waits for the gates that must pass before any traffic.
    package var isLoaded = false
    /// An operator skipped the gates that must pass before any traffic.
    package var skipsChecks = false
}

/// The steps run, one after the other.
package struct Stepping: Codable, Equatable, Sendable {
    /// The steps that are done, from the start of the list. When the list changes, the position is found again by their
    /// content.
    package internal(set) var done: [ResolvedStep] = []
    /// The current step. Nil: the next one has not begun yet.
    package internal(set) var current: ResolvedStep?
    package internal(set) var begunAt: Date
    /// An operator approved this step.
    package internal(set) var isApproved = false
    /// The candidate's share that was last requested, in percent.
    package internal(set) var weight = 0
    /// The share of the traffic that is copied to the candidate, as last requested, in percent.
    package internal(set) var mirror = 0
    /// The step itself is done, but the candidate is not available, or its share is not confirmed.
    package internal(set) var awaitsAvailability = false

    /// Whether the step waits for a time or for a person.
    var isPausing: Bool {
        guard !awaitsAvailability else { return false }
        return switch current?.step.action {
        case .pause, .approval: true
        case .setWeight, .mirror, .gate, nil: false
        }
    }
}

/// The candidate has all traffic except a share that may be held back, and the old revision is kept warm.
package struct OnProbation: Codable, Equatable, Sendable {
    package internal(set) var begunAt: Date
    /// The candidate's share, in percent.
    package internal(set) var weight: Int
}

/// The candidate is taken out of traffic and retired.
package struct RollingBack: Codable, Equatable, Sendable {
    package internal(set) var reason: String
    package internal(set) var outcome: HistoryRecord.Outcome
    /// Whether the candidate is quarantined.
    package internal(set) var quarantines: Bool
    package internal(set) var actor: String?
    /// The candidate's share while no other revision can answer, in percent. 0 as soon as stable can answer, and always
    /// if the candidate is bad.
    package internal(set) var weight = 0
}

extension Rollout {
    /// The candidate's requested share, in percent.
    package var weight: Int {
        switch stage {
        case .preparing: 0
        case .stepping(let stepping): stepping.weight
        case .promoting: 100
        case .probation(let probation): probation.weight
        case .rollingBack(let back): back.weight
        }
    }

    /// The share of the traffic that is copied to the candidate, in percent.
    package var mirror: Int { stepping?.mirror ?? 0 }

    package internal(set) var stepping: Stepping? {
        get { if case .stepping(let stepping) = stage { stepping } else { nil } }
        set {
            guard let newValue, case .stepping = stage else { return }
            stage = .stepping(newValue)
        }
    }

    package var withdrawal: RollingBack? { if case .rollingBack(let back) = stage { back } else { nil } }

    /// Whether the steps have begun, so that everything that comes before traffic is done.
    package var hasBegunSteps: Bool { if case .preparing = stage { false } else { true } }

    /// The number of steps that are done. `Int.max` in a later stage, where all are done.
    package var stepIndex: Int {
        switch stage {
        case .preparing: 0
        case .stepping(let stepping): stepping.done.count
        case .promoting, .probation, .rollingBack: Int.max
        }
    }

    /// When the current step began.
    package var stepStartedAt: Date? {
        switch stage {
        case .stepping(let stepping): stepping.begunAt
        case .probation(let probation): probation.begunAt
        case .preparing, .promoting, .rollingBack: nil
        }
    }
}
