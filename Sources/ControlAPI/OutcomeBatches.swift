import Controller
import Synchronization

/// Limits how many batches of outcomes are read at once, because their bodies are large and each one locks the journal for a
/// moment.
final class OutcomeBatches: Sendable {
    private let underWay = Mutex(0)

    /// - Throws: `ControlError.unavailable` if the limit is reached.
    func reading<Value>(_ work: () async throws -> Value) async throws -> Value {
        let isAdmitted = underWay.withLock { count in
            guard count < APILimits.outcomeBatchesAtOnce else { return false }
            count += 1
            return true
        }
        guard isAdmitted else {
            throw ControlError(
                .unavailable,
                "\(APILimits.outcomeBatchesAtOnce) batches of outcomes are being read already: send the batch again")
        }
        defer { underWay.withLock { $0 -= 1 } }
        return try await work()
    }
}
