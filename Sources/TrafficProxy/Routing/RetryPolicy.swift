/// When a request may be sent again after an attempt that brought no answer.
///
/// Only where the instance cannot have acted on it, or where acting twice is the same as once, and always within the
/// revision that was chosen: a candidate's failures must not be hidden by stable's answers.
enum RetryPolicy {
    /// How an attempt ended without a byte of an answer.
    enum Failure: Hashable, Sendable {
        /// There was no connection: refused, or no answer to it. Nothing was sent.
        case connect
        /// A connection that had served before ended, and nothing of the request had arrived there: the instance closed it
        /// while the request was on its way.
        case untaken
        /// A connection that had served before ended. The instance may have closed it as idle while the request was
        /// on its way, or may have acted on it.
        case staleConnection
        /// A connection that was in steady use ended in good order after all of the request had arrived: the instance read
        /// it, and gave no answer.
        case unanswered
        /// A connection that was opened for this request ended.
        case freshConnection
        case timeOut
        case malformedAnswer
    }

    struct Request: Hashable, Sendable {
        /// Acting on it twice is the same as once: its method says so, an Idempotency-Key, its path, or the manifest.
        var mayRepeat: Bool
        /// Whatever was read of it is still held.
        var isHeld: Bool
        /// Attempts so far, this one included.
        var attempts: Int
        /// The revision has another instance, by the routes of now.
        var hasAnotherInstance: Bool
    }

    struct Decision: Hashable, Sendable {
        var retries: Bool
        /// The attempt counts as an error of its instance.
        var isError: Bool
    }

    static func decide(_ failure: Failure, _ request: Request, attemptsMax: Int) -> Decision {
        let canSend = request.isHeld && request.attempts < attemptsMax
        switch failure {
        case .connect:
            return Decision(retries: canSend && request.hasAnotherInstance, isError: true)
        // That an idle connection ends says nothing about the model, whether or not the request can be sent again. Where it
        // can, the same instance gets it on a connection of its own, and what comes of that counts.
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
