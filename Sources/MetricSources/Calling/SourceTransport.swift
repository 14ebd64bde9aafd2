import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL
import Transport

/// Sends calls to sources. No other code in this module opens connections.
///
/// # Guarantees
/// - Ends within `timeout`, from connecting to the last byte of the answer.
/// - Holds at most `bytes` of an answer. Follows no redirect, because credentials would be sent along.
enum SourceTransport {
    /// Never shut down: it lives as long as the process, and closes idle connections.
    private static let client = HTTPClient.careful {
        $0.httpVersion = .http1Only
        // Shorter than the idle time-out of servers (uvicorn: 5 s), so that a connection is not reused while the server closes
        // it.
        $0.connectionPool.idleTimeout = .seconds(4)
    }
    private static let stopwatch = ClientClock()
    static let tlsAdvice = "check caFile and the host name"

    /// - Throws: `SourceError`, or `CancellationError` if the task is cancelled.
    static func send(
        _ request: SourceRequest, tls: TLSConfiguration? = nil, timeout: Duration, bytes: Int
    ) async throws -> SourceResponse {
        do {
            // The client's own time-out is not used, because it ends with the head of the answer.
            return try await stopwatch.within(timeout) { try await exchange(request, tls: tls, bytes: bytes) }
        } catch is DeadlineExceeded {
            throw SourceError(.unreachable, "no answer within \(timeout.inSeconds)")
        } catch let error as LeftBehind.TooMany {
            throw SourceError(.unreachable, error.message)
        }
    }

    private static func exchange(
        _ request: SourceRequest, tls: TLSConfiguration?, bytes: Int
    ) async throws -> SourceResponse {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .init(rawValue: request.method.rawValue)
        outgoing.tlsConfiguration = tls
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        if let body = request.body { outgoing.body = .bytes(ByteBuffer(string: body)) }
        do {
            let response = try await client.execute(outgoing, deadline: .distantFuture)
            return SourceResponse(
                status: Int(response.status.code), body: try await response.body.whole(upTo: bytes),
                date: response.headers.first(name: "date"))
        } catch is NIOTooManyBytesError {
            throw SourceError(.unreadable, "the answer has more than \(bytes >> 20) MiB: narrow the query")
        } catch {
            try Task.checkCancellation()
            throw SourceError(.unreachable, TransportReason.text(error, tlsAdvice: tlsAdvice))
        }
    }
}

extension Duration {
    /// For messages: `10 s`, `0.5 s`.
    var inSeconds: String {
        let seconds = self / .seconds(1)
        return seconds == seconds.rounded() ? "\(Int64(seconds)) s" : "\(seconds) s"
    }
}
