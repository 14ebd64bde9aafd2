import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// One object as it is to be: the fields that mlctl owns, and no others.
public struct WantedObject: Hashable, Sendable {
    public let type: ResourceType
    public let key: ObjectKey
    public let body: JSONValue
    /// Of all of it.
    let hash: String
    /// Of a Deployment that somebody else scales: how many replicas it begins with. Nil: `body` says how many there are.
    let initialReplicas: Int?

    /// It has no owner: whoever deletes a ModelDeployment in the foreground, or takes its finalizer away, would have the
    /// garbage collector delete what serves. mlctl deletes what it made by its labels.
    /// - Parameters:
    ///   - content: all but `apiVersion`, `kind` and `metadata`.
    init(
        _ type: ResourceType, namespace: String, name: String, labels: [String: String],
        annotations: [String: String] = [:], initialReplicas: Int? = nil, content: [String: JSONValue]
    ) {
        self.initialReplicas = initialReplicas
        key = ObjectKey(namespace: namespace, name: name)
        let metadata = JSONValue.fields([
            "name": .string(name), "namespace": .string(namespace), "labels": .strings(labels),
            "annotations": .strings(annotations),
        ])
        let body = JSONValue.object(content).merging([
            "apiVersion": .string(type.apiVersion), "kind": .string(type.kind), "metadata": metadata,
        ])
        self.type = type
        self.body = body
        hash = ObjectHash.value(body)
    }

    public var id: ObjectID { ObjectID(type: type, key: key) }

    /// Of all deployments of its namespace.
    var isShared: Bool {
        body["metadata"]?["labels"]?[ObjectLabels.component]?.text == ObjectLabels.Component.proxy.rawValue
    }

    /// With its own hash as an annotation: what is sent.
    var stamped: JSONValue {
        body.setting(["metadata", "annotations", ObjectAnnotations.applied], to: .string(hash))
    }
}

/// One object among all of a cluster.
public struct ObjectID: Hashable, Sendable, CustomStringConvertible {
    public var type: ResourceType
    public var key: ObjectKey

    public init(type: ResourceType, key: ObjectKey) {
        self.type = type
        self.key = key
    }

    public var description: String { "\(type.kind) \(key)" }
}

extension JSONValue {
    /// An object without the fields that are nil, or are empty objects or lists.
    static func fields(_ fields: [String: JSONValue?]) -> JSONValue {
        .object(
            fields.compactMapValues { value in
                switch value {
                case nil, .object([:]), .array([]): nil
                default: value
                }
            })
    }

    static func strings(_ values: [String: String]) -> JSONValue { .object(values.mapValues(JSONValue.string)) }

    var jsonData: Data { Data(CanonicalJSON.text(self).utf8) }
}
