import JSON
import ModelManifests

/// The parts of built-in types that are not compared field by field. Source: the `x-kubernetes-list-type`, `-list-map-keys` and
/// `-map-type` marks of the API's OpenAPI document, Kubernetes 1.36.
extension FieldSchema {
    static let metadata = FieldSchema.type([
        "labels": .map(), "annotations": .map(), "finalizers": .set,
        "ownerReferences": .list(by: "uid", of: .atomic),
    ])

    private static let tcp: [String: JSONValue] = ["protocol": "TCP"]
    private static let conditions = FieldSchema.list(by: "type")

    private static let valueFrom = FieldSchema.type([
        "configMapKeyRef": .atomic, "secretKeyRef": .atomic, "fieldRef": .atomic, "resourceFieldRef": .atomic,
    ])

    private static let container = FieldSchema.type([
        "env": .list(by: "name", of: .type(["valueFrom": valueFrom])),
        "ports": .list(by: "containerPort", "protocol", defaults: tcp),
        "volumeMounts": .list(by: "mountPath"),
        "volumeDevices": .list(by: "devicePath"),
        "resources": .type(["limits": .map(), "requests": .map(), "claims": .list(by: "name")]),
    ])

    private static let volume = FieldSchema.type([
        "downwardAPI": .builtIn, "secret": .builtIn, "configMap": .builtIn, "image": .builtIn,
        "csi": .type(["nodePublishSecretRef": .atomic, "volumeAttributes": .map()]),
    ])

    private static let podSpec = FieldSchema.type([
        "containers": .list(by: "name", of: container),
        "initContainers": .list(by: "name", of: container),
        "ephemeralContainers": .list(by: "name", of: container),
        "volumes": .list(by: "name", of: volume),
        "imagePullSecrets": .list(by: "name", of: .atomic),
        "hostAliases": .list(by: "ip"),
        "topologySpreadConstraints": .list(
            by: "topologyKey", "whenUnsatisfiable", of: .type(["labelSelector": .atomic])),
        "resourceClaims": .list(by: "name"),
        "schedulingGates": .list(by: "name"),
        "nodeSelector": .atomic,
        "overhead": .map(),
        "affinity": .type(["nodeAffinity": .type(["requiredDuringSchedulingIgnoredDuringExecution": .atomic])]),
    ])

    private static let podStatus = FieldSchema.type([
        "conditions": conditions, "podIPs": .list(by: "ip"), "hostIPs": .atomic,
    ])

    static let namespace = FieldSchema.type(["metadata": metadata, "status": .type(["conditions": conditions])])
    static let pod = FieldSchema.type(["metadata": metadata, "spec": podSpec, "status": podStatus])
    static let deployment = FieldSchema.type([
        "metadata": metadata,
        "spec": .type(["selector": .atomic, "template": .type(["metadata": metadata, "spec": podSpec])]),
        "status": .type(["conditions": conditions]),
    ])
    static let job = FieldSchema.type([
        "metadata": metadata,
        "spec": .type(["selector": .atomic, "template": .type(["metadata": metadata, "spec": podSpec])]),
        "status": .type(["conditions": .atomic]),
    ])
    static let service = FieldSchema.type([
        "metadata": metadata,
        "spec": .type(["selector": .atomic, "ports": .list(by: "port", "protocol", defaults: tcp)]),
        "status": .type(["conditions": conditions]),
    ])
    static let data = FieldSchema.type([
        "metadata": metadata, "data": .map(), "binaryData": .map(), "stringData": .map(),
    ])
    static let serviceAccount = FieldSchema.type(["metadata": metadata, "secrets": .list(by: "name")])
    static let plain = FieldSchema.type(["metadata": metadata])
    static let podDisruptionBudget = FieldSchema.type([
        "metadata": metadata, "spec": .type(["selector": .atomic]),
        "status": .type(["conditions": conditions, "disruptedPods": .map()]),
    ])
    static let networkPolicy = FieldSchema.type(["metadata": metadata, "spec": .type(["podSelector": .atomic])])
    static let roleBinding = FieldSchema.type(["metadata": metadata, "roleRef": .atomic])
    static let event = FieldSchema.type(["metadata": metadata, "regarding": .atomic, "related": .atomic])
    static let customResourceDefinition = FieldSchema.type([
        "metadata": metadata, "status": .type(["conditions": conditions]),
    ])

    /// The schema of a custom type, from its structural schema.
    static func custom(_ openAPI: JSONValue?) -> FieldSchema {
        var root = structural(openAPI ?? .object([:]))
        if case .structure(var fields, let others) = root {
            fields["metadata"] = metadata
            fields["apiVersion"] = .deduced
            fields["kind"] = .deduced
            root = .structure(fields, others: others)
        }
        return root
    }

    private static func structural(_ schema: JSONValue) -> FieldSchema {
        switch schema[field: "type"]?.text {
        case "array":
            let item = structural(schema[field: "items"] ?? .object([:]))
            switch schema[field: "x-kubernetes-list-type"]?.text {
            case "map":
                let keys = (schema[field: "x-kubernetes-list-map-keys"]?.items ?? []).compactMap(\.text)
                return .keyedList(keys, item: item)
            case "set": return .set
            default: return .atomic
            }
        case "object":
            if schema[field: "x-kubernetes-map-type"] == "atomic" { return .atomic }
            if schema[field: "additionalProperties"]?.isObject == true {
                return .map(structural(schema[field: "additionalProperties"] ?? .object([:])))
            }
            let isOpen = schema[field: "x-kubernetes-preserve-unknown-fields"] == true
            return .structure(
                (schema[field: "properties"]?.fields ?? [:]).mapValues { structural($0) },
                others: isOpen ? .unknown(.deduced) : .forbidden)
        default: return .deduced
        }
    }
}
