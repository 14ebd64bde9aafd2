import Foundation

/// Carries requests to one API server.
public protocol KubernetesTransport: Sendable {
    /// Sends one request. Returns the answer whatever its status code.
    /// - Throws: `APIError` if there was no answer, or the `CancellationError` of the caller's task.
    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse
    /// The lines of an answer as they arrive, until the server ends it. One reader; the connection is closed when the reader
    /// leaves.
    /// - Parameter idleTimeout: the longest wait for the next line.
    /// - Throws: `APIError`, also for a status code other than 2xx.
    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error>
}

public struct APIResponse: Hashable, Sendable {
    public var code: Int
    public var body: Data
    /// From the `Retry-After` header.
    public var retryAfterSeconds: Int?
    /// The text of the `Date` header: the time by the server's clock.
    public var date: String?

    public init(code: Int, body: Data, retryAfterSeconds: Int? = nil, date: String? = nil) {
        self.code = code
        self.body = body
        self.retryAfterSeconds = retryAfterSeconds
        self.date = date
    }
}
