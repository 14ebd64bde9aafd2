import ControlPorts
import ModelManifests
import Serving
import Transport

/// A place where deployments are served and their records are kept: the controller's machine, or a cluster.
package struct Site: Sendable {
    package var backend: any ServingBackend
    package var store: any StateStore
    package var metrics: any MetricSource
    package var logs: any LogSource
    /// Shows at the site what git wants; nil if the site has no such list.
    package var register: (any DesiredStateMirror)?
    /// Runs the checks of its deployments; nil: the controller's own inquirer runs them on this machine.
    package var checks: (any SiteCheckRunner)?
    /// The key with which the data plane of a namespace signs request ids; nil if it has issued none. Throws if that is unknown.
    package var requestIdKey: @Sendable (_ namespace: String) async throws -> RequestIdentityKey?

    package init(
        backend: any ServingBackend, store: any StateStore, metrics: any MetricSource, logs: any LogSource,
        register: (any DesiredStateMirror)? = nil, checks: (any SiteCheckRunner)? = nil,
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

package enum SiteName: Hashable, Comparable, Sendable, CustomStringConvertible {
    case local
    /// By its name in the settings.
    case cluster(String)

    package var description: String {
        switch self {
        case .local: "this machine"
        case .cluster(let name): "cluster \(name)"
        }
    }
}

/// All sites of a controller, by the names that manifests use.
package struct SiteDirectory: Sendable {
    /// Nil if the controller serves nothing on its own machine.
    package var local: Site?
    package var clusters: [String: Site]
    /// The cluster of a target without a cluster name; nil if targets must name one.
    package var defaultCluster: String?

    /// - Parameter defaultCluster: nil means the only cluster, if there is exactly one.
    package init(local: Site? = nil, clusters: [String: Site] = [:], defaultCluster: String? = nil) {
        self.local = local
        self.clusters = clusters
        self.defaultCluster = defaultCluster ?? (clusters.count == 1 ? clusters.keys.first : nil)
    }

    package subscript(name: SiteName) -> Site? {
        switch name {
        case .local: local
        case .cluster(let name): clusters[name]
        }
    }

    /// This machine first, then the clusters by name.
    package var names: [SiteName] {
        (local == nil ? [] : [.local]) + clusters.keys.sorted().map(SiteName.cluster)
    }

    package func name(for target: Target) throws(SiteError) -> SiteName {
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

/// Why a deployment has no site, or its site cannot be used. All of these wait for a change outside.
package enum SiteError: RetryableError, Hashable {
    case unknownCluster(String, known: [String])
    case unnamedCluster(known: [String])
    case noClusters
    case noLocalSite
    /// The records of the site were not read, so nothing is decided there. The reason is nil if the first attempt has not ended.
    case unreachable(SiteName, reason: String?)
    /// Instances without a record serve at the first site, but git wants the deployment at the other one.
    case servesElsewhere(SiteName, wanted: SiteName)

    package var retryClass: RetryClass { .waiting }

    package var message: String {
        switch self {
        case .unknownCluster(let name, let known):
            "target.cluster: the controller's settings have no cluster '\(name)'; "
                + (known.isEmpty ? "they have none" : "they have \(known.joined(separator: ", "))")
                + ". Use one of those, or add it to 'clusters' in the settings file"
        case .unnamedCluster(let known):
            "target.cluster: is missing, but the controller's settings have several clusters: \(known.joined(separator: ", ")). "
                + "Name one of them"
        case .noClusters:
            "target: the controller has no cluster. Add one to 'clusters' in its settings file, or run the controller in a cluster"
        case .noLocalSite:
            "target: this controller serves nothing on its own machine. Use target: {kind: kubernetes}, "
                + "or start it without --no-local"
        case .unreachable(.local, let reason?): "what was decided on this machine cannot be read: \(reason)"
        case .unreachable(let site, let reason?): "\(site) cannot be reached: \(reason)"
        case .unreachable(let site, nil): "what serves at \(site) was not read yet"
        case .servesElsewhere(let site, let wanted):
            "it serves at \(site), where its record is lost, but git wants it at \(wanted): "
                + "stop what serves there, or change its target in git back to \(site)"
        }
    }
}
