import Analysis
import Foundation
import ModelManifests

/// A candidate on its way: what it is, how far it has come, and what is known about it.
public struct Rollout: Codable, Equatable, Sendable {
    public enum Purpose: String, Codable, Sendable {
        /// A new template from git: judged step by step.
        case release
        /// There is no stable to compare with: steps and comparing gates are skipped.
        case first
        /// An operator asked for an earlier revision: it takes over as soon as it is ready.
        case restore
    }

    /// How the candidate gets its place.
    public enum Room: String, Codable, Sendable {
        /// Beside stable.
        case surge
        /// One instance of stable makes way for one of the candidate.
        case drain
        /// Stable leaves before the candidate comes.
        case recreate

        public init(_ settings: ModelDeployment) {
            let spec = settings.rollout
            if spec.strategy == .recreate || (spec.capacity == .drainThenLoad && settings.replicas == 1) {
                self = .recreate
            } else {
                self = spec.capacity == .drainThenLoad ? .drain : .surge
            }
        }
    }

    /// Why a rollout waits, beyond what its step says.
    public enum Hold: Codable, Equatable, Sendable {
        case byOperator(String?)
        /// The deadline came without enough data. Ends by itself when all gates pass.
        case insufficientEvidence
        /// `onFailure: pause`.
        case gateFailed(String)
        /// `onFailure: pause`: the candidate was not available for too long.
        case unavailable(String)
        /// The data plane did not confirm the candidate's share in time. Ends by itself when it does.
        case trafficUnconfirmed
        /// The steps were edited after the last one was done, and there are new ones among them that nobody has passed.
        case stepsEdited
        /// Requests are not split as asked, or too many of one side are in no gate's evidence: nothing can be compared.
        case splitMismatch(String)

        /// Nobody asked for it, and no gate failed.
        var isStuck: Bool {
            switch self {
            case .insufficientEvidence, .trafficUnconfirmed, .splitMismatch: true
            case .byOperator, .gateFailed, .unavailable, .stepsEdited: false
            }
        }

        /// It does not end by itself.
        public var needsPerson: Bool {
            switch self {
            case .byOperator, .gateFailed, .unavailable, .stepsEdited, .splitMismatch: true
            case .insufficientEvidence, .trafficUnconfirmed: false
            }
        }
    }

    public internal(set) var candidate: DeployedRevision
    public internal(set) var purpose: Purpose
    /// As it began: a manifest that changes its strategy in mid-rollout changes the next one.
    public internal(set) var strategy: RolloutSpec.Strategy
    public internal(set) var room: Room
    public internal(set) var stage: Stage
    public internal(set) var hold: Hold?
    /// Time that counts towards the progress deadline: pauses and approvals are left out.
    public internal(set) var progressSpent: Duration
    /// Time that counts towards the limit of a stage that has one of its own.
    public internal(set) var stageSpent: Duration
    public internal(set) var judgement: Judgement
    public internal(set) var availability: AvailabilityLog
    /// By source.
    public internal(set) var ledgers: [String: EvidenceLedger]
    /// Sources that are asked for counters, and how that goes.
    public internal(set) var counterTurns: [String: CounterTurn]
    /// Gates whose verdict has been told in an event, with that verdict.
    public internal(set) var announced: [String: Verdict]
    /// Gates that failed and that an operator let the rollout go past.
    public internal(set) var overriddenGates: [String]
    /// Whether requests are split as asked; nil before any were, and in records of before.
    var split: SplitWatch?
    /// Whose servers end, and how often; nil before any was seen, and in records of before.
    var crashes: CrashWatch?
    /// Stable is judged against itself, too; nil where it is not, and in records of before.
    var selfCheck: SelfCheck?
    /// An operator lets it go on although not all of its instances are ready.
    public internal(set) var isForced: Bool

    /// One source's turn of being asked, over and over.
    public struct CounterTurn: Codable, Equatable, Sendable {
        public var ordinal = 1
        public var dueAt: Date
        /// Why it could not be asked last time.
        public var problem: String?
    }

    /// It is being promoted, or on probation, and nothing holds it that only `promote` lifts.
    var isPastItsSteps: Bool {
        switch stage {
        case .preparing, .stepping, .rollingBack: return false
        case .promoting, .probation: break
        }
        switch hold {
        case nil, .byOperator?, .insufficientEvidence?, .trafficUnconfirmed?: return true
        case .gateFailed?, .unavailable?, .splitMismatch?, .stepsEdited?: return false
        }
    }

    init(
        candidate: DeployedRevision, purpose: Purpose, settings: ModelDeployment, gates: [GateSpec], now: Date
    ) {
        self.candidate = candidate
        self.purpose = purpose
        strategy = settings.rollout.strategy
        room = Room(settings)
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

    public var phase: Phase {
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

/// How far a rollout has come, with what that stage needs.
public enum Stage: Codable, Equatable, Sendable {
    case preparing(Preparing)
    case stepping(Stepping)
    case promoting
    case probation(OnProbation)
    case rollingBack(RollingBack)
}

/// The candidate loads, and is judged by what needs no traffic.
public struct Preparing: Codable, Equatable, Sendable {
    /// All of its instances are ready: it waits for what is judged before any traffic.
    public var isLoaded = false
    /// An operator let it go on without what is judged before any traffic.
    public var skipsChecks = false
}

/// Steps are taken, one after the other.
public struct Stepping: Codable, Equatable, Sendable {
    /// The front of the list that is done. By its content the place is found again when the list changes.
    public internal(set) var done: [StepMark] = []
    /// The step that is under way; nil: the next one is still to be begun.
    public internal(set) var current: StepMark?
    public internal(set) var begunAt: Date
    /// An operator let this step go on.
    public internal(set) var isApproved = false
    /// The candidate's share that was last asked for, in per cent.
    public internal(set) var weight = 0
    /// The share of the traffic that is copied to the candidate, as last asked for, in per cent.
    public internal(set) var mirror = 0
    /// The step itself is done, but the candidate is not available, or its share not confirmed.
    public internal(set) var awaitsAvailability = false

    /// Waits for a clock or for a person.
    var isPausing: Bool {
        guard !awaitsAvailability else { return false }
        return switch current?.step.action {
        case .pause, .approval: true
        case .setWeight, .mirror, .gate, nil: false
        }
    }
}

/// The candidate has all traffic but a share that is held back, and the old revision is kept warm.
public struct OnProbation: Codable, Equatable, Sendable {
    public internal(set) var begunAt: Date
    /// The candidate's share, in per cent.
    public internal(set) var weight: Int
}

/// The candidate is taken out of traffic and retired.
public struct RollingBack: Codable, Equatable, Sendable {
    public internal(set) var reason: String
    public internal(set) var outcome: HistoryRecord.Outcome
    /// The candidate is quarantined for it.
    public internal(set) var quarantines: Bool
    public internal(set) var actor: String?
    /// The candidate's share while nobody else can answer, in per cent; 0 as soon as stable can, and always where the
    /// candidate is bad.
    public internal(set) var weight = 0
}

extension Rollout {
    /// The candidate's share that is asked for, in per cent.
    public var weight: Int {
        switch stage {
        case .preparing: 0
        case .stepping(let stepping): stepping.weight
        case .promoting: 100
        case .probation(let probation): probation.weight
        case .rollingBack(let back): back.weight
        }
    }

    /// The share of the traffic that is copied to the candidate, in per cent.
    public var mirror: Int { stepping?.mirror ?? 0 }

    public internal(set) var stepping: Stepping? {
        get { if case .stepping(let stepping) = stage { stepping } else { nil } }
        set {
            guard let newValue, case .stepping = stage else { return }
            stage = .stepping(newValue)
        }
    }

    public var withdrawal: RollingBack? { if case .rollingBack(let back) = stage { back } else { nil } }

    /// The steps have begun: what comes before any traffic is done.
    public var hasBegunSteps: Bool { if case .preparing = stage { false } else { true } }

    /// Steps that are done. In a later stage, all of them.
    public var stepIndex: Int {
        switch stage {
        case .preparing: 0
        case .stepping(let stepping): stepping.done.count
        case .promoting, .probation, .rollingBack: Int.max
        }
    }

    /// When the step that is under way began.
    public var stepStartedAt: Date? {
        switch stage {
        case .stepping(let stepping): stepping.begunAt
        case .probation(let probation): probation.begunAt
        case .preparing, .promoting, .rollingBack: nil
        }
    }
}
