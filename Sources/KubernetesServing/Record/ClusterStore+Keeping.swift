import Controller
import KubernetesClient
import ModelManifests

extension ClusterStore {
    /// Records of objects that went and did not come back whole: a controller died between the two.
    func readKeptRecords() async throws {
        let only = APIRequest.Selection(namespace: selection.namespace, labelSelector: KeptRecord.selector)
        let seal = try await recordKey.seal()
        let maps = try await explaining("kept records") { try await api.list(KeptRecord.Map.self, only).items }
        kept = [:]
        for map in maps {
            guard let record = KeptRecord(map, seal: seal) else {
                logger.warning(
                    "A ConfigMap that looks like a kept record is none of this controller's: it is not gone by",
                    metadata: ["object": "ConfigMap \(map.metadata.key)"])
                continue
            }
            if known[record.deployment]?.object.recordVersion == nil { kept[record.deployment] = record }
        }
        inherited = Set(kept.keys)
    }

    /// Before the object goes. Where no ConfigMap can be made, the record is kept in memory alone: no clean-up waits for
    /// what has to be made first.
    ///
    /// - Throws: where the server cannot be asked; `RegisterError.namespaceGoing` where the namespace goes too: the object
    ///   is let go of then, for nothing can be made beside it or after it.
    func keep(_ found: RecordedModelDeployment) async throws {
        let seal = try await recordKey.seal()
        // What somebody else wrote is not carried over: what this controller knows is written again.
        guard isOwn(found.digest), let record = KeptRecord(found) else { return }
        do {
            try await api.apply(.configMaps, record.key, body: record.body(seal).jsonData)
        } catch let error as APIError where error.isNamespaceTerminating {
            try await abandon(found.object)
        } catch let error as APIError where error.isRefusal {
            logger.warning(
                "A record is kept in memory alone while its object is made anew",
                metadata: ["deployment": "\(record.deployment)", "error": "\(error.message)"])
        } catch let error as APIError {
            throw ClusterServingError(error, about: "ConfigMap \(record.key)")
        }
        kept[record.deployment] = record
        inherited.remove(record.deployment)
    }

    private func abandon(_ object: ModelDeploymentObject) async throws {
        logger.notice(
            "Its namespace is being deleted: let go", metadata: ["deployment": "\(object.deployment)"])
        try await dropFinalizer(of: object, expecting: object.recordVersion)
        known[object.deployment] = nil
        throw RegisterError.namespaceGoing(object.deployment)
    }

    /// Gives the object that was made anew the record of its predecessor.
    /// - Throws: `StateConflict` where the record is one that this controller has yet to read.
    func restoreRecord(of deployment: DeploymentKey) async throws {
        guard let record = kept[deployment], let object = known[deployment]?.object, !object.isTerminating,
            case .object(var fields) = record.status
        else { return }
        if object.recordVersion == nil, let kept = record.record {
            // It was sealed for the object that is gone.
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
