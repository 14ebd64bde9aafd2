import JSON
import KubernetesClient
import ModelManifests

/// The fields of a pod that mlctl reads.
package enum PodKind: ManagedKind {
    package static let resource = ResourceType.pods

    package struct Detail: ManagedDetail {
        package struct Status: Decodable, Hashable, Sendable {
            package var phase: String?
            package var reason: String?
            package var message: String?
            package var podIP: String?
            package var conditions: [ObjectCondition]?
            package var initContainerStatuses: [ContainerStatus]?
            package var containerStatuses: [ContainerStatus]?
        }
        package struct Spec: Decodable, Hashable, Sendable {
            package struct Container: Decodable, Hashable, Sendable {
                package var name: String
                package var ports: [Port]?
            }
            package struct Port: Decodable, Hashable, Sendable {
                package var name: String?
                package var containerPort: Int
            }
            package var containers: [Container]?
        }

        package var spec: Spec?
        package var status: Status?
        package var json: JSONValue? { nil }
    }

    package struct ContainerStatus: Decodable, Hashable, Sendable {
        package struct State: Decodable, Hashable, Sendable {
            package var waiting: Waiting?
            package var running: Running?
            package var terminated: Terminated?
        }
        package struct Waiting: Decodable, Hashable, Sendable {
            package var reason: String?
            package var message: String?
        }
        package struct Running: Decodable, Hashable, Sendable {
            package var startedAt: String?
        }
        package struct Terminated: Decodable, Hashable, Sendable {
            package var exitCode: Int?
            package var reason: String?
            package var message: String?
        }

        package var name: String
        package var image: String?
        package var ready: Bool?
        package var started: Bool?
        package var restartCount: Int?
        package var state: State?
        package var lastState: State?
    }
}
