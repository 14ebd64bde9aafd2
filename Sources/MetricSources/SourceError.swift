import Analysis
import Transport

/// Why a source has no answer. It is counted separately and is never a verdict.
package typealias SourceError = CodedError<SourceErrorCode>

package enum SourceErrorCode: String, ErrorCode {
    /// It could not be reached, or did not answer in time.
    case unreachable
    /// A secret that it asks for cannot be read here.
    case missingSecret
    /// It will not answer: credentials, a redirect, a wrong address.
    case refused
    /// The question is none that it can answer.
    case invalidQuery
    /// Its answer cannot be understood, or is too large.
    case unreadable

    /// A question is put again with the next pass.
    package var retryClass: RetryClass { .transient }
}

extension Measured {
    /// The result of `work`; an error becomes `.error` with its message.
    static func of(_ work: () async throws -> Measured) async -> Measured {
        do { return try await work() } catch { return .error(String(describing: error)) }
    }
}
