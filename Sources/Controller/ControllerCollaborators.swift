import Foundation
import Serving

/// What a controller works with. None of it is named by its kind: those who start one choose.
public struct ControllerCollaborators: Sendable {
    public var source: any ManifestSource
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
    /// The data plane's own, in Prometheus' text form.
    public var dataPlaneMetrics: (@Sendable () async throws -> String)?
    public var now: @Sendable () -> Date

    public init(
        source: any ManifestSource, sites: SiteDirectory, trail: any EventTrail,
        leadership: (any Leadership)? = nil, notifier: (any Notifier)? = nil, inquirer: (any Inquirer)? = nil,
        outcomes: (any OutcomeStore)? = nil, recorder: ReadingRecorder? = nil,
        dataPlaneMetrics: (@Sendable () async throws -> String)? = nil, now: @escaping @Sendable () -> Date
    ) {
        self.source = source
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
