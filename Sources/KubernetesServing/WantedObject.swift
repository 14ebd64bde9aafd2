import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// An object as mlctl wants it: the fields that mlctl owns, and no others.
package struct WantedObject: Hashable, Sendable {
    package let type: ResourceType
    package let key: NamespacedName
    package let body: JSONValue
    /// The hash of the whole body.
    let hash: String
    /// For a Deployment with an external autoscaler: the initial number of replicas. Nil: `body` has the number.
    let initialReplicas: Int?

    /// Creates an object without an owner. With one, the garbage collector would delete what serves when somebody deletes a
    /// ModelDeployment in the foreground or removes its finalizer. mlctl finds and deletes its objects by their labels.
    /// - Parameters:
    ///   - content: everything but `apiVersion`, `kind` and `metadata`.
    init(
        _ type: ResourceType, namespace: String, name: String, labels: [String: String],
        annotations: [String: String] = [:], initialReplicas: Int? = nil, content: [String: JSONValue]
    ) {
        self.initialReplicas = initialReplicas
        key = NamespacedName(namespace: namespace, name: name)
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

    package var id: ObjectID { ObjectID(type: type, key: key) }

    /// Whether all deployments of its namespace share it.
    var isShared: Bool {
        body["metadata"]?["labels"]?[ObjectLabels.component]?.text == ObjectLabels.Component.proxy.rawValue
    }

    /// The body that is sent: with its own hash as an annotation.
    var stamped: JSONValue {
        body.setting(["metadata", "annotations", ObjectAnnotations.applied], to: .string(hash))
    }
}

/// Identifies an object in a cluster.
package struct ObjectID: Hashable, Sendable, CustomStringConvertible {
    package var type: ResourceType
    package var key: NamespacedName

    package init(type: ResourceType, key: NamespacedName) {
        self.type = type
        self.key = key
    }

    package var description: String { "\(type.kind) \(key)" }
}

extension JSONValue {
    /// An object without fields that are nil, or are empty objects or lists.
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
