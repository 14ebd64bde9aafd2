import Controller
import Synchronization

/// So many batches of outcomes at once: their bodies are large, and each holds the journal for a moment.
final class OutcomeBatches: Sendable {
    private let underWay = Mutex(0)

    /// - Throws: `ControlError.unavailable` where there are as many as there may be.
    func reading<Value>(_ work: () async throws -> Value) async throws -> Value {
        let isAdmitted = underWay.withLock { count in
            guard count < APILimits.outcomeBatchesAtOnce else { return false }
            count += 1
            return true
        }
        guard isAdmitted else {
            throw ControlError(
                .unavailable, "\(APILimits.outcomeBatchesAtOnce) batches of outcomes are being read: send it again")
        }
        defer { underWay.withLock { $0 -= 1 } }
        return try await work()
    }
}
