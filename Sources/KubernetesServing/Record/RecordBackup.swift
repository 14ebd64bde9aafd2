import ControlPorts
import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The record of a ModelDeployment that is deleted and created again, kept in a ConfigMap next to it. Between the deletion and
/// the new status it is the only copy. Pure.
///
/// It has the deployment's labels but is not part of any plan, so the first plan after the record is restored deletes it. So
/// does the end of the deployment.
struct RecordBackup: Equatable, Sendable {
    /// Somewhat below the 1 MiB limit of a ConfigMap.
    static let maximumBytes = 900_000
    static let component = ObjectLabels.Component.record
    static let selector = "\(ObjectLabels.selector),\(ObjectLabels.component)=\(component.rawValue)"

    let deployment: DeploymentKey
    /// The status of the ModelDeployment.
    let status: JSONValue

    /// - Returns: nil if there is no record, or it is too large for a copy. It does not check who wrote the record.
    init?(_ found: RecordedModelDeployment) {
        guard found.object.recordVersion != nil, case .object(let fields) = found.wholeStatus else { return nil }
        let alone = fields.filter { $0.key == "record" }
        let kept = [fields, alone].map(JSONValue.object).first { $0.jsonData.count <= Self.maximumBytes }
        guard let kept else { return nil }
        deployment = found.object.deployment
        status = kept
    }

    /// - Returns: nil if it is not such a ConfigMap, or was not sealed as one.
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

    /// The record in the status.
    var record: StateRecord? {
        guard case .object(let fields) = status, case .object(let record)? = fields["record"],
            case .integer(let version)? = record["version"], case .string(let state)? = record["state"]
        else { return nil }
        return StateRecord(version: version, state: Data(state.utf8))
    }

    var key: NamespacedName { NamespacedName(namespace: deployment.namespace, name: ObjectNames.record(deployment)) }

    /// The body for server-side apply.
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
