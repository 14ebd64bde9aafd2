/// Where a deployment is served.
package enum Target: Hashable, Codable, Sendable {
    /// Processes of the machine that the controller runs on.
    case local
    case kubernetes(KubernetesTarget)

    /// False where a deployment cannot move between the two while it serves, because the machines or the router differ.
    package func hasSameLocation(as other: Target) -> Bool {
        switch (self, other) {
        case (.local, .local): true
        case (.kubernetes(let own), .kubernetes(let other)):
            own.cluster == other.cluster && own.router == other.router
        case (.local, .kubernetes), (.kubernetes, .local): false
        }
    }
}

extension Target: CustomStringConvertible {
    /// A description such as `cluster prod, router proxy`.
    package var description: String {
        switch self {
        case .local: "this machine"
        case .kubernetes(let target):
            "\(target.cluster.map { "cluster \($0)" } ?? "the controller's cluster"), router \(target.router.rawValue)"
        }
    }
}

/// A cluster, and what splits the traffic in it.
package struct KubernetesTarget: Hashable, Codable, Sendable {
    /// What splits traffic between revisions.
    package enum Router: String, CaseIterable, Codable, Sendable {
        /// mlctl's own proxy as a Deployment in the namespace: exact counters, sticky users, shadows.
        case proxy
        /// One HTTPRoute with weighted backends; readings come from Prometheus.
        case gatewayAPI
        /// One Service over all pods: shares follow the numbers of pods; readings come from Prometheus.
        case replicaRatio
    }

    /// A name from the controller's settings; nil means the cluster that the controller runs in, or the only cluster.
    package var cluster: String?
    package var router: Router
    /// For `gatewayAPI`: the Gateways that the route is attached to.
    package var gateways: [GatewayReference]
    /// For `gatewayAPI`: the host names of the route; empty means all of the Gateway's.
    package var hostnames: [String]
    /// What mlctl does with fields that others add to its objects.
    package var drift: DriftPolicy

    package init(
        cluster: String? = nil, router: Router = .proxy, gateways: [GatewayReference] = [], hostnames: [String] = [],
        drift: DriftPolicy = DriftPolicy()
    ) {
        self.cluster = cluster
        self.router = router
        self.gateways = gateways
        self.hostnames = hostnames
        self.drift = drift
    }
}

extension KubernetesTarget {
    private enum CodingKeys: String, CodingKey { case cluster, router, gateways, hostnames, drift }

    /// Records and plans that an older controller wrote have no drift policy.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            cluster: try fields.decodeIfPresent(String.self, forKey: .cluster),
            router: try fields.decode(Router.self, forKey: .router),
            gateways: try fields.decode([GatewayReference].self, forKey: .gateways),
            hostnames: try fields.decode([String].self, forKey: .hostnames),
            drift: try fields.decodeIfPresent(DriftPolicy.self, forKey: .drift) ?? DriftPolicy())
    }

    /// Leaves out the default drift policy, so that the encoding equals that of older controllers.
    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encodeIfPresent(cluster, forKey: .cluster)
        try fields.encode(router, forKey: .router)
        try fields.encode(gateways, forKey: .gateways)
        try fields.encode(hostnames, forKey: .hostnames)
        if drift != DriftPolicy() { try fields.encode(drift, forKey: .drift) }
    }
}

/// A Gateway, as the `parentRefs` of an HTTPRoute name it.
package struct GatewayReference: Hashable, Codable, Sendable {
    package var name: String
    /// Nil means the deployment's own namespace.
    package var namespace: String?
    /// One of its listeners; nil means all.
    package var sectionName: String?

    package init(name: String, namespace: String? = nil, sectionName: String? = nil) {
        self.name = name
        self.namespace = namespace
        self.sectionName = sectionName
    }
}
