import Controller
import KubernetesClient
import ModelManifests

extension ClusterStore {
    /// Records of objects that went and did not come back whole: a controller died between the two.
    func readKeptRecords() async throws {
        let only = APIRequest.Selection(namespace: selection.namespace, labelSelector: KeptRecord.selector)
        let maps = try await explaining("kept records") { try await api.list(KeptRecord.Map.self, only).items }
        kept = [:]
        for record in maps.compactMap(KeptRecord.init) where known[record.deployment]?.object.recordVersion == nil {
            kept[record.deployment] = record
        }
        inherited = Set(kept.keys)
    }

    /// Before the object goes.
    func keep(_ found: RecordedModelDeployment) async throws {
        guard let record = KeptRecord(found) else { return }
        _ = try await explaining("ConfigMap \(record.key)") {
            try await api.apply(.configMaps, record.key, body: record.body.jsonData)
        }
        kept[record.deployment] = record
        inherited.remove(record.deployment)
    }

    /// Gives the object that was made anew the record of its predecessor.
    /// - Throws: `StateConflict` where the record is one that this controller has yet to read.
    func restoreRecord(of deployment: DeploymentKey) async throws {
        guard let record = kept[deployment], let object = known[deployment]?.object, !object.isTerminating,
            case .object(let fields) = record.status
        else { return }
        if object.recordVersion == nil {
            try await patchStatus(fields, of: object, expecting: nil)
            _ = try await read(deployment)
        }
        kept[deployment] = nil
        if inherited.remove(deployment) != nil {
            throw StateConflict(
                deployment: deployment, expected: nil, found: known[deployment]?.object.recordVersion)
        }
    }
}
