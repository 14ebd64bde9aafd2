/// An operation exceeded its time limit.
struct DeadlineExceeded: Error, Hashable {
    var limit: Duration
}

/// Runs `operation`, and cancels it after `limit`.
/// - Throws: `DeadlineExceeded`, or the operation's error.
func withDeadline<Value: Sendable>(
    _ limit: Duration, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw DeadlineExceeded(limit: limit)
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}
