import ModelManifests
import Serving
import Transport

/// Where deployments are served and their records are kept: the controller's machine, or one cluster.
public struct Site: Sendable {
    public var backend: any ServingBackend
    public var store: any StateStore
    public var metrics: any MetricSource
    public var logs: any LogSource
    /// Where the site shows what git wants; nil where nobody but mlctl looks.
    public var register: (any DeploymentRegister)?
    /// Runs the checks of what it serves; nil: the controller's own inquirer does, on this machine.
    public var checks: (any CheckSite)?
    /// The secret that the data plane of a namespace proves request ids by; nil where it has given none out. Throws where
    /// that is not known.
    public var requestIdKey: @Sendable (_ namespace: String) async throws -> RequestIdentityKey?

    public init(
        backend: any ServingBackend, store: any StateStore, metrics: any MetricSource, logs: any LogSource,
        register: (any DeploymentRegister)? = nil, checks: (any CheckSite)? = nil,
        requestIdKey: @escaping @Sendable (_ namespace: String) async throws -> RequestIdentityKey? = { _ in nil }
    ) {
        self.backend = backend
        self.store = store
        self.metrics = metrics
        self.logs = logs
        self.register = register
        self.checks = checks
        self.requestIdKey = requestIdKey
    }
}

public enum SiteName: Hashable, Comparable, Sendable, CustomStringConvertible {
    case local
    /// By its name in the settings.
    case cluster(String)

    public var description: String {
        switch self {
        case .local: "this machine"
        case .cluster(let name): "cluster \(name)"
        }
    }
}

/// All sites of a controller, by what manifests call them.
public struct SiteDirectory: Sendable {
    /// Nil where the controller serves nothing on its own machine.
    public var local: Site?
    public var clusters: [String: Site]
    /// What a target without a cluster's name means; nil where it has to have one.
    public var defaultCluster: String?

    /// - Parameter defaultCluster: nil: the only one there is.
    public init(local: Site? = nil, clusters: [String: Site] = [:], defaultCluster: String? = nil) {
        self.local = local
        self.clusters = clusters
        self.defaultCluster = defaultCluster ?? (clusters.count == 1 ? clusters.keys.first : nil)
    }

    public subscript(name: SiteName) -> Site? {
        switch name {
        case .local: local
        case .cluster(let name): clusters[name]
        }
    }

    /// This machine first, then the clusters by name.
    public var names: [SiteName] {
        (local == nil ? [] : [.local]) + clusters.keys.sorted().map(SiteName.cluster)
    }

    public func name(for target: Target) throws(SiteError) -> SiteName {
        switch target {
        case .local:
            guard local != nil else { throw .noLocalSite }
            return .local
        case .kubernetes(let target):
            guard let name = target.cluster ?? defaultCluster else {
                throw clusters.isEmpty ? .noClusters : .unnamedCluster(known: clusters.keys.sorted())
            }
            guard clusters[name] != nil else { throw .unknownCluster(name, known: clusters.keys.sorted()) }
            return .cluster(name)
        }
    }
}

/// Why a deployment has no place, or its place cannot be worked on. All of them wait for something outside.
public enum SiteError: RetryableError, Hashable {
    case unknownCluster(String, known: [String])
    case unnamedCluster(known: [String])
    case noClusters
    case noLocalSite
    /// What is there is not known: nothing is decided until it is.
    /// Nil: it has not been asked yet.
    case unreachable(SiteName, reason: String?)
    /// Instances without a record serve at `SiteName`, and git wants the deployment somewhere else.
    case servesElsewhere(SiteName, wanted: SiteName)

    public var retryClass: RetryClass { .waiting }

    public var message: String {
        switch self {
        case .unknownCluster(let name, let known):
            "target.cluster: the controller's settings name no cluster '\(name)'; "
                + (known.isEmpty ? "they name none" : "there are \(known.joined(separator: ", "))")
                + ". Write one of those, or add it to 'clusters' in the settings file"
        case .unnamedCluster(let known):
            "target.cluster: is missing, and the controller's settings name several: \(known.joined(separator: ", ")). "
                + "Write one of them"
        case .noClusters:
            "target: the controller knows no cluster. Name it under 'clusters' in its settings file, or run it in one"
        case .noLocalSite:
            "target: this controller serves nothing on its own machine. Write target: {kind: kubernetes}, "
                + "or start it without --no-local"
        case .unreachable(.local, let reason?): "what was decided on this machine cannot be read: \(reason)"
        case .unreachable(let site, let reason?): "\(site) cannot be reached: \(reason)"
        case .unreachable(let site, nil): "what serves at \(site) has yet to be read"
        case .servesElsewhere(let site, let wanted):
            "it serves at \(site), where its record is lost, and git wants it at \(wanted): "
                + "stop what serves there, or let git want it there"
        }
    }
}
