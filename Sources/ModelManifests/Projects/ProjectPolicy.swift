/// What the manifests of a project may do. A rule that is not given allows everything, except `endpointAddresses`; a rule that is
/// given allows only what it names.
package struct ProjectPolicy: Hashable, Sendable {
    /// Programs that manifests may start: inline commands, check gates, sources that run a command.
    package enum Commands: Hashable, Sendable {
        case any
        case deny
        /// Compared with `command[0]`, or with an image's whole name, exactly.
        case only([String])
    }

    package var namespaces: [NamePattern]?
    package var targets: [TargetRule]?
    /// Ports of this machine that endpoints and previews may use.
    package var endpointPorts: [ClosedRange<Int>]?
    /// IP addresses besides the loopback that endpoints may listen on. Without this rule there are none.
    package var endpointAddresses: [String]?
    /// Folders of this machine below which the files of `endpoint.tls` must be.
    package var endpointFiles: [ModelSourceRoot]?
    /// Presets and ServingRuntimes by name.
    package var runtimes: [String]?
    package var commands: Commands
    package var modelSources: [ModelSourceRoot]?
    package var secrets: [String]?
    package var serviceAccounts: [String]?
    /// The Pod Security Standard that its pods must meet.
    package var podSecurity: PodSettings.Security
    package var limits: ProjectLimits

    package init(
        namespaces: [NamePattern]? = nil, targets: [TargetRule]? = nil, endpointPorts: [ClosedRange<Int>]? = nil,
        endpointAddresses: [String]? = nil, endpointFiles: [ModelSourceRoot]? = nil,
        runtimes: [String]? = nil, commands: Commands = .any, modelSources: [ModelSourceRoot]? = nil,
        secrets: [String]? = nil, serviceAccounts: [String]? = nil, podSecurity: PodSettings.Security = .privileged,
        limits: ProjectLimits = ProjectLimits()
    ) {
        self.namespaces = namespaces
        self.targets = targets
        self.endpointPorts = endpointPorts
        self.endpointAddresses = endpointAddresses
        self.endpointFiles = endpointFiles
        self.runtimes = runtimes
        self.commands = commands
        self.modelSources = modelSources
        self.secrets = secrets
        self.serviceAccounts = serviceAccounts
        self.podSecurity = podSecurity
        self.limits = limits
    }

    /// The missing rules without which somebody who can commit can reach this machine or the whole cluster, by field name.
    package var missingWalls: [String] {
        var missing: [String] = []
        if namespaces == nil { missing.append("namespaces") }
        if targets == nil { missing.append("targets") }
        if commands == .any { missing.append("commands") }
        if modelSources == nil { missing.append("modelSources") }
        if secrets == nil { missing.append("secrets") }
        if hasPods, podSecurity == .privileged { missing.append("podSecurity") }
        return missing
    }

    /// Of pods there are any.
    var hasPods: Bool { targets.map { $0.contains { $0.kind == .kubernetes } } ?? true }
}

/// A place where a project may serve.
package struct TargetRule: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, CaseIterable, Sendable { case local, kubernetes }

    package var kind: Kind
    /// A name from the controller's settings; nil means any cluster.
    package var cluster: String?

    package init(_ kind: Kind, cluster: String? = nil) {
        self.kind = kind
        self.cluster = cluster
    }

    package var description: String { cluster.map { "\(kind.rawValue) (cluster \($0))" } ?? kind.rawValue }

    /// - Parameter onlyCluster: the cluster of a target that names none.
    func allows(_ target: Target, onlyCluster: String?) -> Bool {
        switch (kind, target) {
        case (.local, .local): true
        case (.kubernetes, .kubernetes(let wanted)): cluster == nil || cluster == wanted.cluster ?? onlyCluster
        case (.local, .kubernetes), (.kubernetes, .local): false
        }
    }
}
