import Foundation
import KubernetesClient
import ModelManifests

/// The fields of a pod that a kubelet needs.
struct PodObject: KubernetesObject {
    static let resource = ResourceType.pods

    struct Spec: Decodable {
        var nodeName: String?
        var restartPolicy: String?
        var terminationGracePeriodSeconds: Int?
        var containers: [Container]
        var volumes: [Volume]?
    }

    struct Volume: Decodable {
        struct Secret: Decodable { var secretName: String }
        var name: String
        var secret: Secret?
    }

    struct Container: Decodable {
        struct Port: Decodable {
            var name: String?
            var containerPort: Int
        }
        struct Mount: Decodable {
            var name: String
            var mountPath: String
        }
        struct Lifecycle: Decodable {
            struct Hook: Decodable {
                struct Sleep: Decodable { var seconds: Int }
                var sleep: Sleep?
            }
            var preStop: Hook?
        }

        var name: String
        var image: String
        var command: [String]?
        var args: [String]?
        var env: [Variable]?
        var ports: [Port]?
        var volumeMounts: [Mount]?
        var startupProbe: PodProbe?
        var readinessProbe: PodProbe?
        var lifecycle: Lifecycle?
    }

    struct Variable: Decodable {
        struct Source: Decodable {
            struct Field: Decodable { var fieldPath: String }
            var fieldRef: Field?
        }
        var name: String
        var value: String?
        var valueFrom: Source?
    }

    var metadata: ObjectMetadata
    var spec: Spec
    /// The grace period of an ending pod; somebody may shorten it.
    var graceSeconds: Int?

    private enum CodingKeys: String, CodingKey { case metadata, spec }
    private enum MetadataKeys: String, CodingKey { case deletionGracePeriodSeconds }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try fields.decode(ObjectMetadata.self, forKey: .metadata)
        spec = try fields.decode(Spec.self, forKey: .spec)
        graceSeconds = try fields.nestedContainer(keyedBy: MetadataKeys.self, forKey: .metadata)
            .decodeIfPresent(Int.self, forKey: .deletionGracePeriodSeconds)
    }

    /// The first container: these pods have only one.
    var container: Container? { spec.containers.first }
    var isRunOnce: Bool { spec.restartPolicy == "Never" }
    var isTerminating: Bool { metadata.deletionTimestamp != nil }
}

/// A probe and its target.
struct PodProbe: Decodable {
    struct HTTPGet: Decodable {
        var path: String?
        var port: PortReference
    }
    struct Socket: Decodable { var port: PortReference }

    /// A port's number, or its name.
    enum PortReference: Decodable {
        case number(Int)
        case name(String)

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            self =
                if let number = try? value.decode(Int.self) { .number(number) } else {
                    .name(try value.decode(String.self))
                }
        }
    }

    var httpGet: HTTPGet?
    var tcpSocket: Socket?
    var periodSeconds: Int?
    var timeoutSeconds: Int?
    var failureThreshold: Int?

    func port(of container: PodObject.Container) -> Int? {
        switch httpGet?.port ?? tcpSocket?.port {
        case .number(let number): number
        case .name(let name): container.ports?.first { $0.name == name }?.containerPort
        case nil: nil
        }
    }
}

/// The program that replaces an image on this machine.
package struct ImageProgram: Sendable {
    /// The command for a container that gives none.
    package var entryPoint: [String]
    /// Added after the container's arguments; `$(POD_IP)` is the pod's address.
    package var extraArguments: [String]

    package init(entryPoint: [String], extraArguments: [String] = []) {
        self.entryPoint = entryPoint
        self.extraArguments = extraArguments
    }
}

/// A container's process: its command and environment. Pure.
struct ContainerProcess: Equatable {
    var command: [String]
    var environment: [String: String]

    /// - Parameters:
    ///   - volumes: the folder of each volume, by its name.
    init(
        _ container: PodObject.Container, of pod: ObjectMetadata, address: String, image: ImageProgram,
        volumes: [String: String]
    ) {
        // All pods share one network here, so a server that would listen everywhere listens at its pod's address.
        var environment = ["POD_IP": address]
        for variable in container.env ?? [] {
            environment[variable.name] =
                variable.valueFrom?.fieldRef.map { Self.field($0.fieldPath, of: pod, address: address) }
                ?? VariableReferences.replaced(in: variable.value ?? "", by: environment)
        }
        environment["BIND_ADDRESS"] = address
        let mounts = container.volumeMounts ?? []
        let written = (container.command ?? image.entryPoint) + (container.args ?? []) + image.extraArguments
        command = written.map { argument in
            let text = VariableReferences.replaced(in: argument, by: environment)
            let mount = mounts.first { text == $0.mountPath || text.hasPrefix($0.mountPath + "/") }
            guard let mount, let folder = volumes[mount.name] else { return text }
            return folder + text.dropFirst(mount.mountPath.count)
        }
        self.environment = environment
    }

    private static func field(_ path: String, of pod: ObjectMetadata, address: String) -> String {
        switch path {
        case "metadata.name": pod.name
        case "metadata.namespace": pod.namespace ?? ""
        case "metadata.uid": pod.uid ?? ""
        case "status.podIP": address
        default: ""
        }
    }
}
