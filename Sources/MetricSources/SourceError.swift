import Analysis

/// Why a source has no answer. It is counted separately and is never a verdict.
public struct SourceError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The source could not be reached, or did not answer in time.
        case unreachable
        /// A secret that the source needs cannot be read.
        case missingSecret
        /// The source refuses the call: wrong credentials, a redirect, or a wrong address.
        case refused
        /// The source cannot answer this query.
        case misasked
        /// The answer cannot be parsed, or is too large.
        case unreadable
    }

    public var code: Code
    /// What is wrong and what to do.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

extension Measured {
    /// The result of `work`; an error becomes `.error` with its message.
    static func of(_ work: () async throws -> Measured) async -> Measured {
        do { return try await work() } catch { return .error(String(describing: error)) }
    }
}
