import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL
import Transport

/// The one place that opens a connection.
///
/// # Guarantees
/// - Ends within `timeout`: connecting, and the last byte of the answer, included.
/// - Holds no more than `bytes` of an answer. Follows no redirect: credentials would go along.
enum SourceTransport {
    /// Never shut down: it lives as long as the process, and closes connections that are idle.
    private static let client = HTTPClient.careful {
        $0.httpVersion = .http1Only
        // Shorter than servers keep idle connections (uvicorn: 5 s): none is taken up that is just being closed.
        $0.connectionPool.idleTimeout = .seconds(4)
    }
    private static let stopwatch = Stopwatch()

    /// - Throws: `SourceError`, or the `CancellationError` of its task.
    static func send(
        _ request: SourceRequest, tls: TLSConfiguration? = nil, timeout: Duration, bytes: Int
    ) async throws -> SourceResponse {
        do {
            // Not the client's own time limit, which ends with the answer's head.
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
            throw SourceError(.unreadable, "an answer of more than \(bytes >> 20) MiB: ask for less")
        } catch {
            try Task.checkCancellation()
            throw SourceError(.unreachable, TransportReason.text(error))
        }
    }
}

extension Duration {
    /// For people: `10 s`, `0.5 s`.
    var inSeconds: String {
        let seconds = self / .seconds(1)
        return seconds == seconds.rounded() ? "\(Int64(seconds)) s" : "\(seconds) s"
    }
}
