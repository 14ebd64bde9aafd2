import Synchronization

/// A result that several may bring: the first one counts.
package final class FirstResult<Value: Sendable>: Sendable {
    private enum State {
        case open(CheckedContinuation<Value, any Error>?)
        /// Brought, and not yet taken.
        case brought(Result<Value, any Error>)
        case taken
    }

    private let state = Mutex(State.open(nil))

    package init() {}

    /// - Returns: whether it was the first.
    @discardableResult
    package func bring(_ result: Result<Value, any Error>) -> Bool {
        let (isFirst, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Value, any Error>?) in
            guard case .open(let waiter) = state else { return (false, nil) }
            state = waiter == nil ? .brought(result) : .taken
            return (true, waiter)
        }
        waiter?.resume(with: result)
        return isFirst
    }

    /// Once.
    package func value() async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let brought = state.withLock { state -> Result<Value, any Error>? in
                guard case .brought(let result) = state else {
                    state = .open(continuation)
                    return nil
                }
                state = .taken
                return result
            }
            if let brought { continuation.resume(with: brought) }
        }
    }
}
