import ControlPorts
import Foundation
import ModelManifests
import Serving

/// The components that a controller works with. They are protocols; the code that starts a controller chooses the
/// implementations.
package struct ControllerCollaborators: Sendable {
    /// The sources of manifests, in the order of the settings: at least one.
    package var sources: [ProjectSource]
    package var sites: SiteDirectory
    /// The events of all sites.
    package var trail: any EventTrail
    /// Nil: no other controller works on these deployments.
    package var leadership: (any Leadership)?
    package var notifier: (any Notifier)?
    package var inquirer: (any Inquirer)?
    /// Nil: outcomes are not accepted.
    package var outcomes: (any OutcomeStore)?
    package var recorder: ReadingRecorder?
    /// Gets the owner of each deployment in every pass.
    package var owners: ProjectOwners?
    /// The data plane's metrics, in Prometheus' text format.
    package var dataPlaneMetrics: (@Sendable () async throws -> String)?
    package var now: @Sendable () -> Date

    package init(
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

    /// One project without restrictions.
    package init(
        source: any ManifestSource, sites: SiteDirectory, trail: any EventTrail,
        leadership: (any Leadership)? = nil, notifier: (any Notifier)? = nil, inquirer: (any Inquirer)? = nil,
        outcomes: (any OutcomeStore)? = nil, recorder: ReadingRecorder? = nil,
        dataPlaneMetrics: (@Sendable () async throws -> String)? = nil, now: @escaping @Sendable () -> Date
    ) {
        self.init(
            sources: [ProjectSource(source)], sites: sites, trail: trail, leadership: leadership, notifier: notifier,
            inquirer: inquirer, outcomes: outcomes, recorder: recorder, dataPlaneMetrics: dataPlaneMetrics, now: now)
    }

    /// One site, this machine, whose store also keeps the events.
    package init(
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

/// A project, and where its manifests come from.
package struct ProjectSource: Sendable {
    package var rules: ProjectRules
    package var source: any ManifestSource
    /// For the status, without credentials.
    package var repo: String
    /// A branch, tag, version range or commit.
    package var reference: String
    package var path: String
    /// Whether a commit without any manifest removes all deployments of the project.
    package var allowsEmpty: Bool
    package var writeBack: WriteBack
    /// Nil: nothing is written back.
    package var writer: (any RevertWriter)?

    package var name: String { rules.project }

    package init(
        _ source: any ManifestSource, rules: ProjectRules = .open, repo: String = "", reference: String = "main",
        path: String = ".", allowsEmpty: Bool = false, writeBack: WriteBack = WriteBack(),
        writer: (any RevertWriter)? = nil
    ) {
        self.writeBack = writeBack
        self.writer = writer
        self.source = source
        self.rules = rules
        self.repo = repo
        self.reference = reference
        self.path = path
        self.allowsEmpty = allowsEmpty
    }
}
