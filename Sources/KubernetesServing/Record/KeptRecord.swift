import Controller
import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The record of a ModelDeployment that is about to go and to be made anew, in a ConfigMap beside it: between the end of the
/// one and the status of the other, it is all that is left. Pure.
///
/// It carries the deployment's labels, and is no part of any plan: so the first plan that is applied after the record is
/// back takes it away, and so does the end of the deployment.
struct KeptRecord: Equatable, Sendable {
    /// Some way under the 1 MiB that a ConfigMap may hold.
    static let maximumBytes = 900_000
    static let component = ObjectLabels.Component.record
    static let selector = "\(ObjectLabels.selector),\(ObjectLabels.component)=\(component.rawValue)"

    let deployment: DeploymentKey
    /// Of the ModelDeployment.
    let status: JSONValue

    /// - Returns: nil where there is no record, or one that is too large to be kept twice. Who wrote it is not asked here.
    init?(_ found: RecordedModelDeployment) {
        guard found.object.recordVersion != nil, case .object(let fields) = found.wholeStatus else { return nil }
        let alone = fields.filter { $0.key == "record" }
        let kept = [fields, alone].map(JSONValue.object).first { $0.jsonData.count <= Self.maximumBytes }
        guard let kept else { return nil }
        deployment = found.object.deployment
        status = kept
    }

    /// - Returns: nil for what is no such ConfigMap, or was not sealed as one.
    init?(_ map: Map, seal: RecordSeal) {
        guard let name = map.metadata.labels[ObjectLabels.deployment], let text = map.data?[Self.dataKey],
            seal.isSealed(
                .keptRecord(DeploymentKey(namespace: map.metadata.namespace ?? "default", name: name), status: text),
                by: map.data?[Self.sealKey]),
            let status = try? JSONValue(parsing: Data(text.utf8)),
            case .object(let fields) = status, fields["record"] != nil
        else { return nil }
        deployment = DeploymentKey(namespace: map.metadata.namespace ?? "default", name: name)
        self.status = status
    }

    private static let dataKey = "status"
    private static let sealKey = "seal"

    struct Map: KubernetesObject {
        static let resource = ResourceType.configMaps
        var metadata: ObjectMetadata
        var data: [String: String]?
    }

    /// Of the record in it.
    var record: StateRecord? {
        guard case .object(let fields) = status, case .object(let record)? = fields["record"],
            case .integer(let version)? = record["version"], case .string(let state)? = record["state"]
        else { return nil }
        return StateRecord(version: version, state: Data(state.utf8))
    }

    var key: ObjectKey { ObjectKey(namespace: deployment.namespace, name: ObjectNames.record(deployment)) }

    /// For server-side apply.
    func body(_ seal: RecordSeal) -> JSONValue {
        let text = CanonicalJSON.text(status)
        let labels = ObjectLabels.of(deployment).merging([ObjectLabels.component: Self.component.rawValue]) { $1 }
        return [
            "apiVersion": .string(ResourceType.configMaps.apiVersion), "kind": .string(ResourceType.configMaps.kind),
            "metadata": [
                "name": .string(key.name), "namespace": .string(deployment.namespace), "labels": .strings(labels),
            ],
            "data": .strings([
                Self.dataKey: text, Self.sealKey: seal.seal(.keptRecord(deployment, status: text)),
            ]),
        ]
    }
}
