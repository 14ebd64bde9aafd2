import Analysis
import Foundation
import ModelManifests
import Serving

/// Everything that is known about one deployment's rollout: the record that is swapped in before anything is done.
public struct RolloutState: Codable, Equatable, Sendable {
    /// Raised when the shape changes. `RolloutRecord` reads the older ones.
    public static let currentFormat = 2
    /// Bounds of the lists that a state carries along.
    public static let historyLimit = 20
    public static let quarantineLimit = 20

    public var format: Int
    /// Where the deployment is, with the data of that place.
    public internal(set) var course: Course
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
    /// What should serve and does not; nil while all of it does.
    public internal(set) var shortage: Shortage?
    /// Since when all that should serve has served; nil while it does not.
    public internal(set) var availableSince: Date?
    /// More replicas are wanted than before, and the new ones load; nil where all that are wanted are needed.
    public internal(set) var growth: Growth?
    public var quarantined: [Quarantine]
    /// A revision that the machine, not the model, kept from starting; nil where there is none.
    public internal(set) var postponed: Postponement?
    /// Newest first.
    public var history: [HistoryRecord]
    /// Instances that the data plane has taken out of rotation; nil where there are none.
    public internal(set) var ejected: [EjectedInstance]?
    /// Of all rollouts that were judged against themselves; nil where none was.
    public internal(set) var selfChecks: SelfCheckTally?
    /// An operator's `suspend`, beside the manifest's own.
    public var isSuspended: Bool
    /// Rollouts of other deployments that come first, while one waits for them.
    public var waitsFor: [String]
    /// The latest `now` that was decided at: time never goes back, whatever the clock does.
    public var decidedAt: Date

    public init(deployment: ModelDeployment, commit: String, now: Date) {
        format = Self.currentFormat
        course = .idle
        since = now
        message = "nothing is deployed yet"
        placedAt = deployment.target == .local ? nil : deployment.target
        heldBack = nil
        settings = deployment
        self.commit = commit
        stable = nil
        shortage = nil
        availableSince = nil
        growth = nil
        quarantined = []
        postponed = nil
        history = []
        isSuspended = false
        waitsFor = []
        decidedAt = now
    }

    public var key: DeploymentKey { settings.key }

    public var phase: Phase {
        switch course {
        case .idle, .removing: .idle
        case .rollingOut(let rollout): rollout.phase
        case .resting(let rest):
            switch shortage?.kind {
            case .cannotServe: .failed
            case .tooFewInstances, .endpointClosed, .intendedGap: .degraded
            case nil: rest.setback == nil ? .healthy : .rolledBack
            }
        }
    }

    /// The rollout in flight; nil where there is none.
    public internal(set) var rollout: Rollout? {
        get { if case .rollingOut(let rollout) = course { rollout } else { nil } }
        set {
            guard let newValue, case .rollingOut = course else { return }
            course = .rollingOut(newValue)
        }
    }

    /// The manifest is gone: everything is being drained and stopped.
    public var isRemoved: Bool { course == .removing }

    /// Where it is served. Gateways and host names follow the manifest; the place itself does not change.
    public var target: Target {
        get { placedAt ?? .local }
        set { placedAt = newValue == .local ? nil : newValue }
    }

    /// Of every revision that serves, is on its way, or could be gone back to.
    public var templates: [ServingTemplate] {
        [stable?.template, rollout?.candidate.template].compactMap(\.self) + history.map(\.deployed.template)
    }

    /// How a dependency ends that nobody but a person can bring.
    public static let absentDependency = "which git does not have, or not valid"

    /// It waits for a rollout that will not come by itself.
    var waitsForNobody: Bool { waitsFor.contains { $0.hasSuffix(Self.absentDependency) } }

    public func quarantine(of revision: Revision) -> Quarantine? {
        quarantined.first { $0.revision == revision }
    }

    /// The version that was left for the one that serves, by a rollback or an abort; nil where none was.
    public var leftVersion: String? {
        if case .resting(let rest) = course { rest.setback?.version } else { nil }
    }

    /// The manifest's number of instances, or that of whoever scales it.
    public func replicas(of deployed: DeployedRevision, _ observed: Observation?) -> Int {
        guard settings.scaling == .external else { return settings.replicas }
        return observed?.wantedReplicas[deployed.revision] ?? settings.replicas
    }

    /// `mlctl rollback` would find a version to go back to.
    public var canRollBack: Bool {
        guard let stable, !isSuspended, !isRemoved else { return false }
        let found = RollbackTarget(self, leaving: rollout?.candidate ?? stable).find(nil, force: false)
        return if case .success = found { true } else { false }
    }

    /// Why nothing new is rolled out, and what ends that; nil where it is not suspended.
    public var suspension: String? {
        if settings.suspend {
            return "suspended by its manifest: nothing new is rolled out before 'suspend: false' in git"
        }
        return isSuspended ? "suspended: nothing new is rolled out before 'mlctl resume'" : nil
    }

    /// This state, with what a decision that is not taken over has seen of its candidate's availability. Where nothing can be
    /// recorded, the time for which a candidate was not available adds up all the same, until it is taken out.
    public func noting(_ decided: RolloutState?) -> RolloutState {
        guard let decided, let seen = decided.rollout, seen.candidate == rollout?.candidate else { return self }
        var noted = self
        noted.rollout?.availability = seen.availability
        noted.decidedAt = decided.decidedAt
        return noted
    }

    /// How many instances of stable availability needs: those that are new and still load are not missed.
    func needed(_ wanted: Int) -> Int { min(wanted, growth?.from ?? wanted) }
}

/// Where a deployment is.
public enum Course: Codable, Equatable, Sendable {
    /// Nothing was deployed yet.
    case idle
    case rollingOut(Rollout)
    /// Nothing is on its way.
    case resting(Rest)
    /// The manifest is gone: everything is being drained and stopped.
    case removing
}

/// Nothing is on its way.
public struct Rest: Codable, Equatable, Sendable {
    /// Why git's template is held off; nil where what git asks for serves.
    public var setback: Setback?

    public struct Setback: Codable, Equatable, Sendable {
        public var reason: String
        /// The version that was left.
        public var version: String?
    }
}

/// Something should serve and does not.
public struct Shortage: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable {
        case tooFewInstances, endpointClosed
        /// No instance serves, and none will.
        case cannotServe
        /// Stable has made way for the candidate, as the manifest asks for.
        case intendedGap
    }

    public var kind: Kind
    public var since: Date
    /// What is missing and why, for people.
    public var reason: String
    /// An event has told it: its end is told too.
    public var isTold: Bool
}

/// More replicas are wanted than there were.
public struct Growth: Codable, Equatable, Sendable {
    /// So many are needed until the others are there.
    public var from: Int
    public var since: Date
}

/// A revision that is not tried again before a time, because the machine kept it from starting.
public struct Postponement: Codable, Equatable, Sendable {
    public var revision: Revision
    public var reason: String
    /// Tries so far.
    public var attempts: Int
    public var until: Date

    /// 1, 2, 4, 8, then 15 minutes.
    static func delay(attempts: Int) -> TimeInterval {
        min(60 * pow(2, Double(max(attempts, 1) - 1)), 900)
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
