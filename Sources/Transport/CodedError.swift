/// What an error tells its caller to do next.
package enum RetryClass: String, Codable, CaseIterable, Sendable {
    /// Back off and try again.
    case transient
    /// Something outside must change first; look again now and then.
    case waiting
    /// Report and stop: trying again cannot help until the input changes.
    case terminal
}

/// An error that says how it may be retried, and what its reader can do.
package protocol RetryableError: Error {
    var retryClass: RetryClass { get }
    /// What is wrong and what to do, for people.
    var message: String { get }
}

/// What can go wrong with one thing outside.
package protocol ErrorCode: Hashable, Sendable {
    /// Where the error itself says nothing else.
    var retryClass: RetryClass { get }
}

/// Why something outside could not do what was asked. Each adapter has its codes, and its name for this.
package struct CodedError<C: ErrorCode>: RetryableError, Hashable, CustomStringConvertible {
    package typealias Code = C

    package var code: C
    /// What is wrong and what to do, for people. Credentials are left out.
    package var message: String
    /// The file that it is about; nil where the message says it all.
    package var place: String?
    package var retryClass: RetryClass

    package init(_ code: C, _ message: String, at place: String? = nil, retry: RetryClass? = nil) {
        self.code = code
        self.message = message
        self.place = place
        retryClass = retry ?? code.retryClass
    }

    package var description: String { message }
}
