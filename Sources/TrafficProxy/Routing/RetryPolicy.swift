/// Decides whether a request may be sent again after an attempt without an answer.
///
/// Only if the instance cannot have acted on it, or if acting twice is safe. And only within the chosen revision: stable's
/// answers must not hide a candidate's failures.
enum RetryPolicy {
    /// How an attempt ended without a byte of an answer.
    enum Failure: Hashable, Sendable {
        /// No connection was made: it was refused, or nothing answered. Nothing was sent.
        case connect
        /// A reused connection ended before any byte of the request arrived: the instance closed it while the request was being
        /// sent.
        case untaken
        /// A reused connection ended. The instance may have closed it as idle while the request was being sent, or may have acted
        /// on the request.
        case staleConnection
        /// A reused connection in steady use was closed cleanly after the whole request had arrived: the instance read it and did
        /// not answer.
        case unanswered
        /// A connection that was opened for this request ended.
        case freshConnection
        case timeOut
        case malformedAnswer
    }

    struct Request: Hashable, Sendable {
        /// Acting on it twice is safe, according to its method, an Idempotency-Key, its path, or the manifest.
        var mayRepeat: Bool
        /// Everything read of the request is still buffered.
        var isHeld: Bool
        /// Attempts so far, including this one.
        var attempts: Int
        /// The current routes list another instance of the revision.
        var hasAnotherInstance: Bool
    }

    struct Decision: Hashable, Sendable {
        var retries: Bool
        /// Whether the attempt counts as an error of its instance.
        var isError: Bool
    }

    static func decide(_ failure: Failure, _ request: Request, attemptsMax: Int) -> Decision {
        let canSend = request.isHeld && request.attempts < attemptsMax
        switch failure {
        case .connect:
            return Decision(retries: canSend && request.hasAnotherInstance, isError: true)
        // The end of an idle connection says nothing about the model, whether or not the request can be sent again. If it can,
        // the same instance gets it on a new connection, and that result counts.
        case .untaken:
            return Decision(retries: canSend, isError: false)
        case .staleConnection:
            return Decision(retries: canSend && request.mayRepeat, isError: false)
        case .unanswered:
            let retries = canSend && request.mayRepeat
            return Decision(retries: retries, isError: !retries)
        case .freshConnection, .timeOut, .malformedAnswer:
            return Decision(retries: false, isError: true)
        }
    }
}
