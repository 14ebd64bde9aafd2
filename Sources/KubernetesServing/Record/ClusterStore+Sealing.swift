import ControlPorts
import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Distinguishes this controller's records from what others wrote.
extension ClusterStore {
    /// Far above any real count of swaps and far below the largest integer, so that a forged version cannot exhaust the counter.
    static let highestVersion = 1 << 53

    /// One more than the highest of the versions.
    static func version(after versions: Int...) -> Int {
        versions.filter { $0 >= 0 && $0 < highestVersion }.reduce(0, max) + 1
    }

    /// The sealed record as it is written into a status.
    func sealed(_ version: Int, _ state: String, of object: ModelDeploymentObject) async throws -> JSONValue {
        let seal = try await recordKey.seal()
        self.seal = seal
        let writing = SealedContent.record(
            object.deployment, uid: object.metadata.uid ?? "", version: version, state: state)
        return ["version": .integer(version), "state": .string(state), "seal": .string(seal.seal(writing))]
    }

    /// Whether there is a record, and this controller, or one of its name, sealed it for this very object.
    func isOwn(_ found: RecordSummary) -> Bool {
        guard let seal, let record = found.record else { return false }
        return seal.isSealed(
            .record(
                found.object.deployment, uid: found.object.metadata.uid ?? "", version: record.version,
                state: String(decoding: record.state, as: UTF8.self)),
            by: found.seal)
    }

    /// The record with a `problem` if the controller must not trust it.
    func judged(_ found: RecordSummary) -> StateRecord? {
        guard var record = found.record, !isOwn(found) else { return found.record }
        record.problem =
            "its record in status.record was not sealed by this controller (\(recordKey.description)): somebody else wrote "
            + "it, an older mlctl wrote it unsealed, or the key was lost. Serving continues; nothing is decided or "
            + "overwritten. Restore the record or the key from a backup; or, if you know that the record is right, "
            + "restart the controller once with --adopt-records"
        return record
    }

    /// Remembers the record that the controller has in memory. A record with a problem does not count.
    func hold(_ record: StateRecord?, of deployment: DeploymentKey) {
        held[deployment] = record.flatMap { $0.problem == nil ? CachedRecord($0) : nil }
    }

    /// Seals a record that somebody else wrote, or that is unsealed, as it is.
    func adopted(_ found: RecordSummary) async throws -> StateRecord? {
        guard let record = found.record, !isOwn(found) else { return found.record }
        let state = String(decoding: record.state, as: UTF8.self)
        try await patchStatus(
            ["record": try await sealed(record.version, state, of: found.object)], of: found.object,
            expecting: record.version)
        logger.warning(
            "Took over a record that this controller had not sealed",
            metadata: ["deployment": "\(found.object.deployment)", "version": "\(record.version)"])
        return record
    }
}
