import Analysis

/// Why a source has no answer: counted apart, never a verdict.
public struct SourceError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// It could not be reached, or did not answer in time.
        case unreachable
        /// A secret that it asks for cannot be read here.
        case missingSecret
        /// It will not answer: credentials, a redirect, a wrong address.
        case refused
        /// The question is none that it can answer.
        case misasked
        /// Its answer cannot be understood, or is too large.
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
    /// One value, or the error's own words.
    static func of(_ work: () async throws -> Measured) async -> Measured {
        do { return try await work() } catch { return .error(String(describing: error)) }
    }
}
