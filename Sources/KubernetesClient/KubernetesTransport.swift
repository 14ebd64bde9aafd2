import Foundation

/// What carries requests to one API server.
public protocol KubernetesTransport: Sendable {
    /// - Throws: `APIError` where there was no answer, or the `CancellationError` of the caller's task. An answer of any
    ///   code is returned.
    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse
    /// The lines of an answer, as they come; ends when the server ends it. For one reader; given up when it leaves.
    /// - Parameter idleTimeout: the longest wait for the next line.
    /// - Throws: `APIError`, also for an answer that is no 2xx.
    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error>
}

public struct APIResponse: Hashable, Sendable {
    public var code: Int
    public var body: Data
    /// Of the `Retry-After` field.
    public var retryAfterSeconds: Int?
    /// The `Date` field: what the server's clock says, as it is written.
    public var date: String?

    public init(code: Int, body: Data, retryAfterSeconds: Int? = nil, date: String? = nil) {
        self.code = code
        self.body = body
        self.retryAfterSeconds = retryAfterSeconds
        self.date = date
    }
}
