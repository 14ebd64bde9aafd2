import Transport

/// When to retry a failed request, without the caller noticing. Pure: from the outcome of an attempt it computes the next wait.
///
/// # Guarantees
/// - No request takes effect twice: one that is not idempotent is retried only if the server said that it had not acted
///   (429, or 503 with `Retry-After`).
/// - At most `attempts` attempts, and never longer than `total`, waits included.
package struct RetryPolicy: Hashable, Sendable {
    package var attempts: Int
    /// From the first attempt to the end of the last wait.
    package var total: Duration
    var backoff: Backoff

    package init(
        attempts: Int = 4, total: Duration = .seconds(10), initial: Duration = .milliseconds(100),
        cap: Duration = .seconds(2)
    ) {
        self.attempts = max(attempts, 1)
        self.total = total
        backoff = Backoff(initial: initial, cap: cap)
    }

    /// One attempt: for tests, and for callers that schedule their own retries.
    package static let never = RetryPolicy(attempts: 1)

    /// - Parameters:
    ///   - attempt: the number of attempts so far.
    ///   - elapsed: since the first attempt began.
    /// - Returns: the wait before the next attempt; nil if there is none.
    func wait(
        after error: APIError, to request: APIRequest, attempt: Int, elapsed: Duration,
        using generator: inout some RandomNumberGenerator
    ) -> Duration? {
        guard attempt < attempts, case .transient(let least) = error.retry, !error.isExpired else { return nil }
        let didNotAct = error.statusCode == 429 || (error.statusCode == 503 && least != nil)
        guard request.isIdempotent || didNotAct else { return nil }
        let wait = max(backoff.delay(afterFailures: attempt, using: &generator), least ?? .zero)
        return elapsed + wait <= total ? wait : nil
    }
}
