import Analysis
import Foundation
import ModelManifests

/// Everything that is known about one deployment's rollout: the record that is swapped in before anything is done.
public struct RolloutState: Codable, Equatable, Sendable {
    /// Raised when a state written before can no longer be read as it is.
    public static let currentFormat = 1
    /// Bounds of the lists that a state carries along.
    public static let historyLimit = 20
    public static let quarantineLimit = 20

    public var format: Int
    public var phase: Phase
    /// When `phase` began.
    public var since: Date
    /// What happened last, for people.
    public var message: String
    /// Where it is served, from the first decision until nothing is left of it; nil: on this machine.
    public private(set) var placedAt: Target?
    /// Why git's manifest is not followed, and what to do; nil where it is.
    public var heldBack: String?
    /// The last manifest in force: how many replicas, where to answer, how to roll out.
    public var settings: ModelDeployment
    /// The commit that `settings` came from.
    public var commit: String
    public var stable: DeployedRevision?
    public var rollout: Rollout?
    public var quarantined: [Quarantine]
    /// Newest first.
    public var history: [HistoryRecord]
    /// An operator's `suspend`, beside the manifest's own.
    public var isSuspended: Bool
    /// The manifest is gone: everything is being drained and stopped.
    public var isRemoved: Bool
    /// Rollouts of other deployments that come first, while one waits for them.
    public var waitsFor: [String]
    /// The latest `now` that was decided at: time never goes back, whatever the clock does.
    public var decidedAt: Date

    public init(deployment: ModelDeployment, commit: String, now: Date) {
        format = Self.currentFormat
        phase = .idle
        since = now
        message = "nothing is deployed yet"
        placedAt = deployment.target == .local ? nil : deployment.target
        heldBack = nil
        settings = deployment
        self.commit = commit
        stable = nil
        rollout = nil
        quarantined = []
        history = []
        isSuspended = false
        isRemoved = false
        waitsFor = []
        decidedAt = now
    }

    public var key: DeploymentKey { settings.key }

    /// Where it is served. Gateways and host names follow the manifest; the place itself does not change.
    public var target: Target {
        get { placedAt ?? .local }
        set { placedAt = newValue == .local ? nil : newValue }
    }

    /// Of every revision that serves, is on its way, or could be gone back to.
    public var templates: [ServingTemplate] {
        [stable?.template, rollout?.candidate.template].compactMap(\.self) + history.map(\.deployed.template)
    }

    public func quarantine(of revision: Revision) -> Quarantine? {
        quarantined.first { $0.revision == revision }
    }
}

/// A revision that serves, or is meant to.
public struct DeployedRevision: Codable, Equatable, Sendable {
    public var revision: Revision
    public var template: ServingTemplate
    public var commit: String
    public var startedAt: Date

    public init(template: ServingTemplate, commit: String, startedAt: Date) {
        revision = template.revision
        self.template = template
        self.commit = commit
        self.startedAt = startedAt
    }

    public var version: String { template.model.version }
}

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

    /// Why a rollout waits for a person, beyond what its step says.
    public enum Hold: Codable, Equatable, Sendable {
        case byOperator(String?)
        /// The deadline came without enough data. Ends by itself when all gates pass.
        case insufficientEvidence
        /// `onFailure: pause`.
        case gateFailed(String)
    }

    public var candidate: DeployedRevision
    public var purpose: Purpose
    /// As it began: a manifest that changes its strategy in mid-rollout changes the next one.
    public var strategy: RolloutSpec.Strategy
    public var room: Room
    public var stepIndex: Int
    public var stepStartedAt: Date
    /// The operator let this step go on.
    public var isStepApproved: Bool
    /// The candidate's share that was last asked for, in per cent.
    public var weight: Int
    /// The share of the traffic that is copied to the candidate, as last asked for, in per cent.
    public var mirror: Int
    /// The steps have begun: what comes before any traffic is done.
    public var hasBegunSteps: Bool
    public var hold: Hold?
    /// Time that counts towards the progress deadline: pauses and approvals are left out.
    public var progressSpent: Duration
    public var judgement: Judgement
    /// By source.
    public var ledgers: [String: EvidenceLedger]
    /// Sources that are asked for counters, and how that goes.
    public var counterTurns: [String: CounterTurn]
    /// Gates whose verdict has been told in an event, with that verdict.
    public var announced: [String: Verdict]
    /// Gates that failed and that an operator let the rollout go past.
    public var overriddenGates: [String]
    /// One source's turn of being asked, over and over.
    public struct CounterTurn: Codable, Equatable, Sendable {
        public var ordinal = 1
        public var dueAt: Date
        /// Why it could not be asked last time.
        public var problem: String?
    }

    /// Where a rollback has begun: why, and whether the candidate is quarantined for it.
    public var withdrawal: Withdrawal?

    public struct Withdrawal: Codable, Equatable, Sendable {
        public var reason: String
        public var outcome: HistoryRecord.Outcome
        public var quarantines: Bool
        public var actor: String?
    }
}

/// A revision that is not tried again until its serving template changes, or someone says `mlctl retry`.
public struct Quarantine: Codable, Equatable, Sendable {
    public var revision: Revision
    public var version: String
    public var reason: String
    public var at: Date

    public init(revision: Revision, version: String, reason: String, at: Date) {
        self.revision = revision
        self.version = version
        self.reason = reason
        self.at = at
    }
}

/// A revision that was deployed, and how it ended.
public struct HistoryRecord: Codable, Equatable, Sendable {
    public enum Outcome: String, Codable, Sendable {
        case replaced, superseded
        case rolledBack = "rolled back"
        case aborted
    }

    public var deployed: DeployedRevision
    public var endedAt: Date
    public var outcome: Outcome
    public var reason: String
}
