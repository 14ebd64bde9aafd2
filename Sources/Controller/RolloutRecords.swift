import Foundation
import ModelManifests
import Rollouts

/// A record cannot be read by this version.
public struct UnreadableRecord: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
}

/// The only place where records become states and states become records.
public enum RolloutRecords {
    /// - Throws: `UnreadableRecord`: nothing may be decided, and the record must not be overwritten.
    public static func decode(_ bytes: Data) throws(UnreadableRecord) -> RolloutState {
        do {
            return try RolloutRecord.decode(bytes)
        } catch {
            throw UnreadableRecord(description: "\(error)")
        }
    }

    public static func encode(_ state: RolloutState) throws -> Data { try RolloutRecord.encode(state) }

    /// What a deployment's status says while its record cannot be read.
    static func heldText(_ error: UnreadableRecord) -> String {
        "its record cannot be read: \(error). What serves goes on, and nothing is decided or overwritten, so that no "
            + "quarantine is lost. Run the mlctl that wrote the record, or a newer one, or put the record back from a backup"
    }
}

extension RolloutState {
    /// The revision that is under judgement.
    var judgedRevision: Revision? { rollout?.candidate.revision }
}
