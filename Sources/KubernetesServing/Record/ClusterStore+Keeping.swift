import ControlPorts
import KubernetesClient
import ModelManifests

extension ClusterStore {
    /// Reads the records of objects that were deleted and not completely restored: a controller died in between.
    func readKeptRecords() async throws {
        let only = APIRequest.Selection(namespace: selection.namespace, labelSelector: RecordBackup.selector)
        let seal = try await recordKey.seal()
        let maps = try await explaining("kept records") { try await api.list(RecordBackup.Map.self, only).items }
        kept = [:]
        for map in maps {
            guard let record = RecordBackup(map, seal: seal) else {
                logger.warning(
                    "Ignoring a ConfigMap that looks like a kept record: this controller did not seal it",
                    metadata: ["object": "ConfigMap \(map.metadata.key)"])
                continue
            }
            if known[record.deployment]?.object.recordVersion == nil { kept[record.deployment] = record }
        }
        inherited = Set(kept.keys)
    }

    /// Keeps the record before its object is deleted. If no ConfigMap can be created, the record is kept in memory only, so that
    /// a clean-up never waits for a new object.
    ///
    /// - Throws: if the server cannot be reached; `RegisterError.namespaceGoing` if the namespace is being deleted too. Then the
    ///   object is released, because nothing can be created in its place.
    func keep(_ found: RecordedModelDeployment) async throws {
        let seal = try await recordKey.seal()
        // A record that somebody else wrote is not kept: this controller writes again what it knows.
        guard isOwn(found.digest), let record = RecordBackup(found) else { return }
        do {
            try await api.apply(.configMaps, record.key, body: record.body(seal).jsonData)
        } catch let error as APIError where error.isNamespaceTerminating {
            try await abandon(found.object)
        } catch let error as APIError where error.isRefusal {
            logger.warning(
                "Keeping a record only in memory while its object is created again",
                metadata: ["deployment": "\(record.deployment)", "error": "\(error.message)"])
        } catch let error as APIError {
            throw ClusterServingError(error, about: "ConfigMap \(record.key)")
        }
        kept[record.deployment] = record
        inherited.remove(record.deployment)
    }

    private func abandon(_ object: ModelDeploymentObject) async throws {
        logger.notice(
            "Releasing an object: its namespace is being deleted", metadata: ["deployment": "\(object.deployment)"])
        try await dropFinalizer(of: object, expecting: object.recordVersion)
        known[object.deployment] = nil
        throw RegisterError.namespaceGoing(object.deployment)
    }

    /// Gives the object that was created again the record of its predecessor.
    /// - Throws: `StateConflict` if this controller must read the record first.
    func restoreRecord(of deployment: DeploymentKey) async throws {
        guard let record = kept[deployment], let object = known[deployment]?.object, !object.isTerminating,
            case .object(var fields) = record.status
        else { return }
        if object.recordVersion == nil, let kept = record.record {
            // The record was sealed for the deleted object, so seal it again.
            fields["record"] = try await sealed(
                kept.version, String(decoding: kept.state, as: UTF8.self), of: object)
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
