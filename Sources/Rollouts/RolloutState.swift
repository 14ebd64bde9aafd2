import Analysis
import Foundation
import ModelManifests
import Serving

/// Everything that is known about one deployment's rollout: the record that is written before anything is done.
package struct RolloutState: Codable, Equatable, Sendable {
    /// Incremented when the format changes. `RolloutRecord` reads the older formats.
    package static let currentFormat = 2
    /// Bounds of the lists in the state.
    package static let historyLimit = 20
    package static let quarantineLimit = 20

    package var format: Int
    /// Where the deployment stands, with the data of that stage.
    package internal(set) var course: DeploymentProgress
    /// When `phase` began.
    package var since: Date
    /// The last thing that happened, for people.
    package var message: String
    /// The target, from the first decision until nothing is left of the deployment. Nil: this machine.
    package private(set) var placedAt: Target?
    /// Why git's manifest is not followed, and what to do. Nil if it is followed.
    package var heldBack: String?
    /// The last manifest in force: replicas, endpoint, rollout.
    package var settings: ModelDeployment
    /// The commit of `settings`.
    package var commit: String
    package var stable: DeployedRevision?
    /// What should serve and does not. Nil while everything does.
    package internal(set) var shortage: Shortage?
    /// Since when everything that should serve does. Nil while something does not.
    package internal(set) var availableSince: Date?
    /// The manifest raised the replicas, and the new instances load. Nil if all wanted instances are needed.
    package internal(set) var growth: Growth?
    package var quarantined: [Quarantine]
    /// A revision that the machine, and not the model, prevented from starting. Nil if there is none.
    package internal(set) var postponed: Postponement?
    /// Git asks for a model whose files are not pinned yet. Nil if there is none, or if it is only being read.
    package internal(set) var awaited: AwaitedModel?
    /// Newest first.
    package var history: [HistoryRecord]
    /// Instances that the data plane has taken out of rotation; nil where there are none.
    package internal(set) var ejected: [EjectedInstance]?
    /// The results of all self-checks. Nil if there were none.
    package internal(set) var selfChecks: SelfCheckTally?
    /// Whether an operator suspended it. The manifest can also suspend it.
    package var isSuspended: Bool
    /// The dependencies whose rollouts this deployment waits for.
    package var waitsFor: [String]
    /// One of `waitsFor` is missing or not valid in git, so its rollout does not come by itself. Nil in older records.
    package internal(set) var waitsForAbsent: Bool?
    /// The latest `now` of a decision. Time never goes back, whatever the clock does.
    package var decidedAt: Date

    package init(deployment: ModelDeployment, commit: String, now: Date) {
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
        awaited = nil
        history = []
        isSuspended = false
        waitsFor = []
        decidedAt = now
    }

    package var key: DeploymentKey { settings.key }

    package var phase: Phase {
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

    /// The rollout in flight. Nil if there is none.
    package internal(set) var rollout: Rollout? {
        get { if case .rollingOut(let rollout) = course { rollout } else { nil } }
        set {
            guard let newValue, case .rollingOut = course else { return }
            course = .rollingOut(newValue)
        }
    }

    /// Whether the manifest was removed, so that everything is being drained and stopped.
    package var isRemoved: Bool { course == .removing }

    /// Where the deployment is served. Gateways and host names follow the manifest; the site does not change.
    package var target: Target {
        get { placedAt ?? .local }
        set { placedAt = newValue == .local ? nil : newValue }
    }

    /// The templates of every revision that serves, is being rolled out, or could be rolled back to.
    package var templates: [ServingTemplate] {
        [stable?.template, rollout?.candidate.template].compactMap(\.self) + history.map(\.deployed.template)
    }

    package func quarantine(of revision: Revision) -> Quarantine? {
        quarantined.first { $0.revision == revision }
    }

    /// The version that was left by a rollback or an abort, if another one serves now. Nil if there is none.
    package var leftVersion: String? {
        if case .resting(let rest) = course { rest.setback?.version } else { nil }
    }

    /// The number of instances in the manifest, or the number that an external autoscaler wants.
    package func replicas(of deployed: DeployedRevision, _ observed: Observation?) -> Int {
        guard settings.scaling == .external else { return settings.replicas }
        return observed?.wantedReplicas[deployed.revision] ?? settings.replicas
    }

    /// Whether `mlctl rollback` would find a version to go back to.
    package var canRollBack: Bool {
        guard let stable, !isSuspended, !isRemoved else { return false }
        let found = RollbackTarget(self, leaving: rollout?.candidate ?? stable).find(nil, force: false)
        return if case .success = found { true } else { false }
    }

    /// Why nothing new is rolled out, and how to end that. Nil if it is not suspended.
    package var suspension: String? {
        if settings.suspend {
            return "suspended by its manifest: nothing new is rolled out until git has 'suspend: false'"
        }
        return isSuspended ? "suspended: nothing new is rolled out until 'mlctl resume'" : nil
    }

    /// This state, with the candidate's availability as seen by a decision that could not be recorded. So the time
    /// without availability adds up even if nothing can be recorded, until the candidate is withdrawn.
    package func mergingAvailability(_ decided: RolloutState?) -> RolloutState {
        guard let decided, let seen = decided.rollout, seen.candidate == rollout?.candidate else { return self }
        var noted = self
        noted.rollout?.availability = seen.availability
        noted.decidedAt = decided.decidedAt
        return noted
    }

    /// How many instances of stable are needed for availability. New instances that still load do not count as missing.
    func needed(_ wanted: Int) -> Int { min(wanted, growth?.from ?? wanted) }
}

/// Where a deployment stands.
package enum DeploymentProgress: Codable, Equatable, Sendable {
    /// Nothing was deployed yet.
    case idle
    case rollingOut(Rollout)
    /// No rollout is in flight.
    case resting(RestingState)
    /// The manifest was removed: everything is being drained and stopped.
    case removing
}

/// No rollout is in flight.
package struct RestingState: Codable, Equatable, Sendable {
    /// Why git's template is held back. Nil if the template in git serves.
    package var setback: HeldBackReason?

    package struct HeldBackReason: Codable, Equatable, Sendable {
        package var reason: String
        /// The version that was left.
        package var version: String?
    }
}

/// Something should serve and does not.
package struct Shortage: Codable, Equatable, Sendable {
    package enum Kind: String, Codable, Sendable {
        case tooFewInstances, endpointClosed
        /// No instance serves, and none will.
        case cannotServe
        /// Stable has stopped for the candidate, as the manifest asks for.
        case intendedGap
    }

    package var kind: Kind
    package var since: Date
    /// What is missing and why, for people.
    package var reason: String
    /// An event has reported the shortage, so its end is reported too.
    package var isTold: Bool
    /// Another program uses the endpoint's port, and it does not become free by itself. Nil in older records.
    package var isPortTaken: Bool?

    /// Whether it does not end without a person.
    package var needsPerson: Bool { kind == .cannotServe || isPortTaken == true }
}

/// The manifest wants more replicas than before.
package struct Growth: Codable, Equatable, Sendable {
    /// How many instances are needed until the others are ready.
    package var from: Int
    package var since: Date
}

/// A revision that is not tried again before a certain time, because the machine prevented its start.
package struct Postponement: Codable, Equatable, Sendable {
    package var revision: Revision
    package var reason: String
    /// The number of attempts so far.
    package var attempts: Int
    package var until: Date
    /// Its model cannot be fetched before the manifest or the files change. Nil in records of older versions: false.
    package var needsChange: Bool?

    /// 1, 2, 4, 8, then 15 minutes.
    static func delay(attempts: Int) -> TimeInterval {
        min(60 * pow(2, Double(max(attempts, 1) - 1)), 900)
    }
}

/// A revision that serves, or should serve.
package struct DeployedRevision: Codable, Equatable, Sendable {
    package var revision: Revision
    package var template: ServingTemplate
    package var commit: String
    package var startedAt: Date

    package init(template: ServingTemplate, commit: String, startedAt: Date) {
        revision = template.revision
        self.template = template
        self.commit = commit
        self.startedAt = startedAt
    }

    package var version: String { template.model.version }
}

/// A revision that is not tried again until its serving template changes or a person runs `mlctl retry`.
package struct Quarantine: Codable, Equatable, Sendable {
    package var revision: Revision
    package var version: String
    package var reason: String
    package var at: Date

    package init(revision: Revision, version: String, reason: String, at: Date) {
        self.revision = revision
        self.version = version
        self.reason = reason
        self.at = at
    }
}

/// A revision that was deployed, and how its deployment ended.
package struct HistoryRecord: Codable, Equatable, Sendable {
    package enum Outcome: String, Codable, Sendable {
        case replaced, superseded
        case rolledBack = "rolled back"
        case aborted
    }

    package var deployed: DeployedRevision
    package var endedAt: Date
    package var outcome: Outcome
    package var reason: String
}
