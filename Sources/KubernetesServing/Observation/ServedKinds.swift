import JSON
import KubernetesClient
import ModelManifests

// The types of objects that are watched, and the fields that are read of each.

package enum ServiceKind: ManagedKind { package static let resource = ResourceType.services }

package enum DisruptionBudgetKind: ManagedKind { package static let resource = ResourceType.podDisruptionBudgets }

package enum ServiceAccountKind: ManagedKind {
    package static let resource = ResourceType.serviceAccounts
    package static let onlyName: String? = ObjectNames.proxy
}

package enum RoleKind: ManagedKind {
    package static let resource = ResourceType.roles
    package static let onlyName: String? = ObjectNames.proxy
}

package enum RoleBindingKind: ManagedKind {
    package static let resource = ResourceType.roleBindings
    package static let onlyName: String? = ObjectNames.proxy
}

package enum NetworkPolicyKind: ManagedKind {
    package typealias Detail = NoDetail
    package static let resource = ResourceType.networkPolicies
    package static let onlyName: String? = ObjectNames.proxy
}

package enum ConfigMapKind: ManagedKind {
    package static let resource = ResourceType.configMaps

    package struct Detail: ManagedDetail {
        package var data: [String: String]?
        package var json: JSONValue? { data.map { ["data": .strings($0)] } }
    }
}

package enum HTTPRouteKind: ManagedKind {
    package typealias Detail = SpecAndStatus
    package static let resource = ResourceType.httpRoutes
}

/// All of `spec` and `status`, for small objects, with their generation.
package struct SpecAndStatus: ManagedDetail {
    package var spec: JSONValue?
    package var status: JSONValue?
    package var generation: Int?

    private enum CodingKeys: String, CodingKey { case spec, status, metadata }
    private enum MetadataKeys: String, CodingKey { case generation }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        spec = try fields.decodeIfPresent(JSONValue.self, forKey: .spec)
        status = try fields.decodeIfPresent(JSONValue.self, forKey: .status)
        generation = try? fields.nestedContainer(keyedBy: MetadataKeys.self, forKey: .metadata)
            .decodeIfPresent(Int.self, forKey: .generation)
    }

    package var json: JSONValue? {
        .fields(["spec": spec, "status": status, "generation": generation.map(JSONValue.integer)])
    }
}

package enum WorkloadKind: ManagedKind {
    package static let resource = ResourceType.deployments

    package struct Detail: ManagedDetail {
        package struct Spec: Decodable, Hashable, Sendable {
            package var replicas: Int?
        }
        package struct Status: Decodable, Hashable, Sendable {
            package var readyReplicas: Int?
            package var conditions: [ObjectCondition]?
        }

        package var spec: Spec?
        package var status: Status?
        package var json: JSONValue? { nil }
    }
}

/// A condition of a workload or pod.
package struct ObjectCondition: Decodable, Hashable, Sendable {
    package var type: String
    package var status: String
    package var reason: String?
    package var message: String?
    /// RFC 3339 with whole seconds: later times compare greater.
    package var lastTransitionTime: String?

    package init(
        type: String, status: String, reason: String? = nil, message: String? = nil, lastTransitionTime: String? = nil
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.lastTransitionTime = lastTransitionTime
    }
}
