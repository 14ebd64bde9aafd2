import Foundation
import ModelManifests
import Serving

/// What a controller works with. None of it is named by its kind: those who start one choose.
public struct ControllerCollaborators: Sendable {
    /// Where manifests come from, in the order of the settings: at least one.
    public var sources: [ProjectSource]
    public var sites: SiteDirectory
    /// What was decided at all sites.
    public var trail: any EventTrail
    /// Nil: nobody else works on these deployments.
    public var leadership: (any Leadership)?
    public var notifier: (any Notifier)?
    public var inquirer: (any Inquirer)?
    /// Nil: none are taken.
    public var outcomes: (any OutcomeStore)?
    public var recorder: ReadingRecorder?
    /// Told whose each deployment is.
    public var owners: ProjectOwners?
    /// The data plane's own, in Prometheus' text form.
    public var dataPlaneMetrics: (@Sendable () async throws -> String)?
    public var now: @Sendable () -> Date

    public init(
        sources: [ProjectSource], sites: SiteDirectory, trail: any EventTrail,
        leadership: (any Leadership)? = nil, notifier: (any Notifier)? = nil, inquirer: (any Inquirer)? = nil,
        outcomes: (any OutcomeStore)? = nil, recorder: ReadingRecorder? = nil, owners: ProjectOwners? = nil,
        dataPlaneMetrics: (@Sendable () async throws -> String)? = nil, now: @escaping @Sendable () -> Date
    ) {
        self.owners = owners
        self.sources = sources
        self.sites = sites
        self.trail = trail
        self.leadership = leadership
        self.notifier = notifier
        self.inquirer = inquirer
        self.outcomes = outcomes
        self.recorder = recorder
        self.dataPlaneMetrics = dataPlaneMetrics
        self.now = now
    }

    /// One project, which may do everything.
    public init(
        source: any ManifestSource, sites: SiteDirectory, trail: any EventTrail,
        leadership: (any Leadership)? = nil, notifier: (any Notifier)? = nil, inquirer: (any Inquirer)? = nil,
        outcomes: (any OutcomeStore)? = nil, recorder: ReadingRecorder? = nil,
        dataPlaneMetrics: (@Sendable () async throws -> String)? = nil, now: @escaping @Sendable () -> Date
    ) {
        self.init(
            sources: [ProjectSource(source)], sites: sites, trail: trail, leadership: leadership, notifier: notifier,
            inquirer: inquirer, outcomes: outcomes, recorder: recorder, dataPlaneMetrics: dataPlaneMetrics, now: now)
    }

    /// One site, this machine, whose store has the trail too.
    public init(
        source: any ManifestSource, backend: any ServingBackend, store: any StateStore, metrics: any MetricSource,
        logs: any LogSource, outcomes: (any OutcomeStore)? = nil,
        requestIdKey: @escaping @Sendable () -> RequestIdentityKey? = { nil }, recorder: ReadingRecorder? = nil,
        now: @escaping @Sendable () -> Date
    ) {
        let site = Site(
            backend: backend, store: store, metrics: metrics, logs: logs, requestIdKey: { _ in requestIdKey() })
        self.init(
            source: source, sites: SiteDirectory(local: site),
            trail: store, outcomes: outcomes, recorder: recorder, now: now)
    }
}

/// A project, and where its manifests are read.
public struct ProjectSource: Sendable {
    public var rules: ProjectRules
    public var source: any ManifestSource
    /// For the status, with credentials taken out.
    public var repo: String
    /// Branch, tag, range of versions or commit.
    public var reference: String
    public var path: String
    /// Lets a commit without any manifest remove all its deployments.
    public var allowsEmpty: Bool

    public var name: String { rules.project }

    public init(
        _ source: any ManifestSource, rules: ProjectRules = .open, repo: String = "", reference: String = "main",
        path: String = ".", allowsEmpty: Bool = false
    ) {
        self.source = source
        self.rules = rules
        self.repo = repo
        self.reference = reference
        self.path = path
        self.allowsEmpty = allowsEmpty
    }
}
