import Analysis
import Transport

/// Why a source has no answer: counted apart, never a verdict.
public typealias SourceError = CodedError<SourceErrorCode>

public enum SourceErrorCode: String, ErrorCode {
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

    /// A question is put again with the next pass.
    public var retryClass: RetryClass { .transient }
}

extension Measured {
    /// One value, or the error's own words.
    static func of(_ work: () async throws -> Measured) async -> Measured {
        do { return try await work() } catch { return .error(String(describing: error)) }
    }
}
