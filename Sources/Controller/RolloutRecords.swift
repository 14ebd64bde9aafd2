import Foundation
import ModelManifests
import Rollouts

/// A record cannot be read by this version, or is not to be gone by.
public struct UnreadableRecord: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
    /// What a deployment's status says meanwhile.
    var heldText: String

    /// - Parameter description: why this version cannot read it.
    init(_ description: String) {
        self.description = description
        heldText =
            "its record cannot be read: \(description). What serves goes on, and nothing is decided or overwritten, so that "
            + "no quarantine is lost. Run the mlctl that wrote the record, or a newer one, or put the record back from a backup"
    }

    /// - Parameter problem: of the record, with what to do.
    init(problem: String) {
        description = problem
        heldText = problem
    }
}

/// The only place where records become states and states become records.
public enum RolloutRecords {
    /// - Throws: `UnreadableRecord`: nothing may be decided, and the record must not be overwritten.
    public static func decode(_ bytes: Data) throws(UnreadableRecord) -> RolloutState {
        do {
            return try RolloutRecord.decode(bytes)
        } catch {
            throw UnreadableRecord("\(error)")
        }
    }

    public static func encode(_ state: RolloutState) throws -> Data { try RolloutRecord.encode(state) }

    /// - Throws: `UnreadableRecord`, also for one whose store says that it is not to be gone by.
    static func state(of record: StateRecord) throws(UnreadableRecord) -> RolloutState {
        if let problem = record.problem { throw UnreadableRecord(problem: problem) }
        return try decode(record.state)
    }
}

extension RolloutState {
    /// The revision that is under judgement.
    var judgedRevision: Revision? { rollout?.candidate.revision }
}
