import AsyncHTTPClient
import Foundation
import NIOCore

extension HTTPClient {
    /// A client on the process's event loops. It follows no redirect, for credentials would go along, and tells at once that a
    /// connection is refused: who wants to wait for a server tries again by itself.
    package static func careful(_ configure: (inout Configuration) -> Void = { _ in }) -> HTTPClient {
        var configuration = Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        configure(&configuration)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }
}

extension HTTPClientResponse.Body {
    /// All of it.
    /// - Throws: `NIOTooManyBytesError` over `limit`, `CancellationError`, what the connection throws.
    package func whole(upTo limit: Int) async throws -> Data {
        let buffer = try await collect(upTo: limit)
        // The body of a cancelled call ends early, as if it were whole.
        try Task.checkCancellation()
        return Data(buffer.readableBytesView)
    }
}
