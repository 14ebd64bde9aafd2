import JSON
import KubernetesClient
import ModelManifests

// The types of objects that are watched, and the fields that are read of each.

public enum ServiceKind: ManagedKind { public static let resource = ResourceType.services }

public enum DisruptionBudgetKind: ManagedKind { public static let resource = ResourceType.podDisruptionBudgets }

public enum ServiceAccountKind: ManagedKind {
    public static let resource = ResourceType.serviceAccounts
    public static let onlyName: String? = ObjectNames.proxy
}

public enum RoleKind: ManagedKind {
    public static let resource = ResourceType.roles
    public static let onlyName: String? = ObjectNames.proxy
}

public enum RoleBindingKind: ManagedKind {
    public static let resource = ResourceType.roleBindings
    public static let onlyName: String? = ObjectNames.proxy
}

public enum NetworkPolicyKind: ManagedKind {
    public typealias Detail = NoDetail
    public static let resource = ResourceType.networkPolicies
    public static let onlyName: String? = ObjectNames.proxy
}

public enum ConfigMapKind: ManagedKind {
    public static let resource = ResourceType.configMaps

    public struct Detail: ManagedDetail {
        public var data: [String: String]?
        public var json: JSONValue? { data.map { ["data": .strings($0)] } }
    }
}

public enum HTTPRouteKind: ManagedKind {
    public typealias Detail = SpecAndStatus
    public static let resource = ResourceType.httpRoutes
}

/// All of `spec` and `status`, for small objects, with their generation.
public struct SpecAndStatus: ManagedDetail {
    public var spec: JSONValue?
    public var status: JSONValue?
    public var generation: Int?

    private enum CodingKeys: String, CodingKey { case spec, status, metadata }
    private enum MetadataKeys: String, CodingKey { case generation }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        spec = try fields.decodeIfPresent(JSONValue.self, forKey: .spec)
        status = try fields.decodeIfPresent(JSONValue.self, forKey: .status)
        generation = try? fields.nestedContainer(keyedBy: MetadataKeys.self, forKey: .metadata)
            .decodeIfPresent(Int.self, forKey: .generation)
    }

    public var json: JSONValue? {
        .fields(["spec": spec, "status": status, "generation": generation.map(JSONValue.integer)])
    }
}

public enum WorkloadKind: ManagedKind {
    public static let resource = ResourceType.deployments

    public struct Detail: ManagedDetail {
        public struct Spec: Decodable, Hashable, Sendable {
            public var replicas: Int?
        }
        public struct Status: Decodable, Hashable, Sendable {
            public var readyReplicas: Int?
            public var conditions: [ObjectCondition]?
        }

        public var spec: Spec?
        public var status: Status?
        public var json: JSONValue? { nil }
    }
}

/// A condition of a workload or pod.
public struct ObjectCondition: Decodable, Hashable, Sendable {
    public var type: String
    public var status: String
    public var reason: String?
    public var message: String?
    /// RFC 3339 with whole seconds: later times compare greater.
    public var lastTransitionTime: String?

    public init(
        type: String, status: String, reason: String? = nil, message: String? = nil, lastTransitionTime: String? = nil
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.lastTransitionTime = lastTransitionTime
    }
}
