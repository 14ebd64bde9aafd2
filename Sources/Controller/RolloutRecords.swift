import ControlPorts
import Foundation
import ModelManifests
import Rollouts

/// This version cannot read a record, or must not use it.
package struct UnreadableRecord: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    /// The text for the deployment's status.
    var heldText: String

    /// - Parameter description: why this version cannot read it.
    init(_ description: String) {
        self.description = description
        heldText =
            "its record cannot be read: \(description). Models continue to serve. Nothing is decided or overwritten, so that "
            + "no quarantine is lost. Run the mlctl version that wrote the record, or a newer one, or restore the record from a backup"
    }

    /// - Parameter problem: the record's problem, with what to do.
    init(problem: String) {
        description = problem
        heldText = problem
    }
}

/// The only code that converts between records and states.
package enum RolloutRecords {
    /// - Throws: `UnreadableRecord`: nothing may be decided then, and the record must not be overwritten.
    package static func decode(_ bytes: Data) throws(UnreadableRecord) -> RolloutState {
        do {
            return try RolloutRecord.decode(bytes)
        } catch {
            throw UnreadableRecord("\(error)")
        }
    }

    package static func encode(_ state: RolloutState) throws -> Data { try RolloutRecord.encode(state) }

    /// - Throws: `UnreadableRecord`, also if the store says that the record must not be used.
    static func state(of record: StateRecord) throws(UnreadableRecord) -> RolloutState {
        if let problem = record.problem { throw UnreadableRecord(problem: problem) }
        return try decode(record.state)
    }
}

extension RolloutState {
    /// The candidate of the rollout in flight.
    var judgedRevision: Revision? { rollout?.candidate.revision }
}
