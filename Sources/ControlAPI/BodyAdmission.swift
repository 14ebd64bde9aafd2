import ControlPorts
import Synchronization

/// Limits how many large bodies of one kind are read at once. Those that come meanwhile are refused, and are to be sent again.
final class BodyAdmission: Sendable {
    private let underWay = Mutex(0)
    private let most: Int
    private let refusal: String

    /// - Parameter refusal: what the sender of one too many is told.
    init(most: Int, refusal: String) {
        self.most = most
        self.refusal = refusal
    }

    /// Batches of outcomes: each one also locks the journal for a moment.
    static func ofOutcomes() -> BodyAdmission {
        BodyAdmission(
            most: APILimits.outcomeBatchesAtOnce,
            refusal:
                "\(APILimits.outcomeBatchesAtOnce) batches of outcomes are being read already: send the batch again")
    }

    /// - Throws: `ControlError.unavailable` if the limit is reached.
    func reading<Value>(_ work: () async throws -> Value) async throws -> Value {
        let isAdmitted = underWay.withLock { count in
            guard count < most else { return false }
            count += 1
            return true
        }
        guard isAdmitted else { throw ControlError(.unavailable, refusal) }
        defer { underWay.withLock { $0 -= 1 } }
        return try await work()
    }
}
