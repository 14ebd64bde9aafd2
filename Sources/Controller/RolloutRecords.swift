import Foundation
import ModelManifests
import Rollouts

/// A record cannot be read by this version.
public struct UnreadableRecord: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
}

/// The only place where records become states and states become records.
public enum RolloutRecords {
    private struct Header: Decodable {
        var format: Int?
    }

    /// - Throws: `UnreadableRecord`: nothing may be decided, and the record must not be overwritten.
    public static func decode(_ bytes: Data) throws(UnreadableRecord) -> RolloutState {
        do {
            let format = try JSONDecoder().decode(Header.self, from: bytes).format ?? 1
            guard format <= RolloutState.currentFormat else {
                throw UnreadableRecord(
                    description: "it is of format \(format), and this version of mlctl reads formats up to "
                        + "\(RolloutState.currentFormat)")
            }
            return try JSONDecoder().decode(RolloutState.self, from: bytes)
        } catch let error as UnreadableRecord {
            throw error
        } catch {
            throw UnreadableRecord(description: "it is no record that this version of mlctl knows (\(error))")
        }
    }

    public static func encode(_ state: RolloutState) throws -> Data { try JSONEncoder().encode(state) }

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
