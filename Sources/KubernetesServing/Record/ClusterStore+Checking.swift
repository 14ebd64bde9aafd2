import ControlPorts
import KubernetesClient
import ModelManifests

/// Checks whether the status is still the one that this controller wrote.
extension ClusterStore {
    /// Reads the object again if somebody else has written it since its status was last read. An unreachable server changes
    /// nothing: the swap is a compare-and-swap in any case.
    ///
    /// - Throws: `RecordLost`, or `StateConflict` if another controller has decided since.
    func checkRecord(of deployment: DeploymentKey) async throws {
        if let memory = known[deployment], held[deployment] != nil,
            memory.seenVersion != memory.object.metadata.resourceVersion
        {
            do { _ = try await read(deployment) } catch let error as ClusterServingError {
                logger.debug(
                    "A status that somebody else wrote cannot be read",
                    metadata: ["deployment": "\(deployment)", "error": "\(error.message)"])
            }
        }
        try throwLoss(of: deployment)
        guard let memory = known[deployment], let held = held[deployment], memory.loss == .none,
            let found = memory.object.recordVersion, found > held.version
        else { return }
        throw StateConflict(deployment: deployment, expected: held.version, found: found)
    }

    /// Throws once. After that the controller writes as if there were no record.
    func throwLoss(of deployment: DeploymentKey) throws {
        guard known[deployment]?.loss == .found else { return }
        known[deployment]?.loss = .told
        throw RecordLost(deployment: deployment)
    }

    /// Compares a status that was read with the record in memory.
    func judge(_ found: RecordSummary) {
        let key = found.object.deployment
        known[key]?.seenVersion = found.object.metadata.resourceVersion
        guard let held = held[key] else { return }
        let record = isOwn(found) ? found.record.map(CachedRecord.init) : nil
        let isLost = record.map { $0.version < held.version || $0.version == held.version && $0 != held } ?? true
        if !isLost {
            known[key]?.loss = .none
        } else if known[key]?.loss == RecordLoss.none {
            known[key]?.loss = .found
        }
    }

    /// One write by this controller. Changes that the watch reports meanwhile are checked when the answer has arrived.
    func write(_ key: DeploymentKey, _ request: () async throws -> ModelDeploymentObject) async throws {
        known[key]?.writesUnderWay += 1
        defer {
            known[key]?.writesUnderWay -= 1
            if let memory = known[key], memory.seenVersion != memory.object.metadata.resourceVersion {
                changed.yield(key)
            }
        }
        let answer = try await request()
        take(answer)
        known[key]?.seenVersion = answer.metadata.resourceVersion
    }
}
