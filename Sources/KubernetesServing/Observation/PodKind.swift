import JSON
import KubernetesClient
import ModelManifests

/// The fields of a pod that mlctl reads.
public enum PodKind: ManagedKind {
    public static let resource = ResourceType.pods

    public struct Detail: ManagedDetail {
        public struct Status: Decodable, Hashable, Sendable {
            public var phase: String?
            public var reason: String?
            public var message: String?
            public var podIP: String?
            public var conditions: [ObjectCondition]?
            public var initContainerStatuses: [ContainerStatus]?
            public var containerStatuses: [ContainerStatus]?
        }
        public struct Spec: Decodable, Hashable, Sendable {
            public struct Container: Decodable, Hashable, Sendable {
                public var name: String
                public var ports: [Port]?
            }
            public struct Port: Decodable, Hashable, Sendable {
                public var name: String?
                public var containerPort: Int
            }
            public var containers: [Container]?
        }

        public var spec: Spec?
        public var status: Status?
        public var json: JSONValue? { nil }
    }

    public struct ContainerStatus: Decodable, Hashable, Sendable {
        public struct State: Decodable, Hashable, Sendable {
            public var waiting: Waiting?
            public var running: Running?
            public var terminated: Terminated?
        }
        public struct Waiting: Decodable, Hashable, Sendable {
            public var reason: String?
            public var message: String?
        }
        public struct Running: Decodable, Hashable, Sendable {
            public var startedAt: String?
        }
        public struct Terminated: Decodable, Hashable, Sendable {
            public var exitCode: Int?
            public var reason: String?
            public var message: String?
        }

        public var name: String
        public var image: String?
        public var ready: Bool?
        public var started: Bool?
        public var restartCount: Int?
        public var state: State?
        public var lastState: State?
    }
}
